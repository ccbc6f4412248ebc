//! The server: sockets and threads. One thread accepts, one serves each connection; none of the caller's runtimes is
//! used, so synchronous and asynchronous tests can both have one.

mod answer;
mod auth;
pub(crate) mod cursor;
mod handle;
pub(crate) mod http;
mod limits;
mod options;

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use chrono::TimeDelta;
use serde_json::Value;

pub(crate) use answer::{Answer, Delivery};
pub(crate) use auth::{Accounts, Caller};
pub use auth::{Credential, SCOPES, all_scopes};
pub use limits::Rates;
pub(crate) use limits::Spent;
pub use options::{Latency, ServerOptions, Unknowns};

use crate::clock::Clock;
use crate::faults::Faults;
use crate::journal::Journal;
use crate::world::World;

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) world: Mutex<World>,
    pub(crate) clock: Clock,
    pub(crate) journal: Journal,
    pub(crate) faults: Faults,
    pub(crate) options: ServerOptions,
    pub(crate) spent: Mutex<Spent>,
    pub(crate) accounts: Mutex<Accounts>,
    pub(crate) url: String,
    /// The key of cursors and media urls.
    pub(crate) secret: Vec<u8>,
    /// Counts presigned urls, so that no two are the same.
    pub(crate) signed: AtomicU64,
    stopping: AtomicBool,
    connections: Mutex<HashMap<u64, TcpStream>>,
}

/// A running server on the loopback interface. It stops when dropped.
pub struct Server {
    shared: Arc<Shared>,
    listeners: Vec<(SocketAddr, JoinHandle<()>)>,
}

impl Server {
    /// Starts serving a world.
    ///
    /// # Panics
    /// If the port cannot be had; [`Server::try_start`] gives the error instead.
    pub fn start(world: World, options: ServerOptions) -> Self {
        Self::try_start(world, options).unwrap_or_else(|error| panic!("the simulator cannot start: {error}"))
    }

    /// Starts serving a world.
    pub fn try_start(mut world: World, options: ServerOptions) -> io::Result<Self> {
        let api = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))?;
        let media = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        world.media_url = format!("http://{}", media.local_addr()?);
        let now = world.spec.now;
        let shared = Arc::new(Shared {
            clock: if options.running_clock { Clock::running(now) } else { Clock::frozen(now) },
            journal: Journal::default(),
            faults: Faults::default(),
            spent: Mutex::default(),
            accounts: Mutex::new(Accounts::new(&options.credentials)),
            url: format!("http://{}", api.local_addr()?),
            secret: format!("cursor key of world {}", world.spec.seed).into_bytes(),
            signed: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            connections: Mutex::default(),
            world: Mutex::new(world),
            options,
        });
        let listeners =
            vec![listen(api, Arc::clone(&shared), handle::api)?, listen(media, Arc::clone(&shared), handle::media)?];
        Ok(Self { shared, listeners })
    }

    /// The base url of the API.
    pub fn url(&self) -> &str {
        &self.shared.url
    }

    /// The world, locked: no request is answered while the guard lives.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.shared.world()
    }

    /// The clock.
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// The record of requests.
    pub fn journal(&self) -> &Journal {
        &self.shared.journal
    }

    /// The faults to come.
    pub fn faults(&self) -> &Faults {
        &self.shared.faults
    }

    /// The records of an entity as the API would serve them now.
    pub fn truth(&self, entity: &str) -> Vec<Value> {
        let now = self.clock().now();
        self.world().truth(entity, now)
    }

    /// One night: [`World::night`], then the clock moves a day on. Says what it did, ids included.
    pub fn night(&self) -> Value {
        self.shared.night()
    }

    /// Requests counted against today's quota.
    pub fn requests_today(&self) -> u32 {
        lock(&self.shared.spent).today(self.clock().now())
    }

    /// Spends of today's quota as the company's other programs do.
    pub fn spend_quota(&self, requests: u32) {
        lock(&self.shared.spent).spend(requests, self.clock().now());
    }

    /// Whether somebody asked for the end over the admin route.
    pub fn stopping(&self) -> bool {
        self.shared.stopping()
    }
}

impl Shared {
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        lock(&self.world)
    }

    pub(crate) fn night(&self) -> Value {
        let did = self.world().night(self.clock.now());
        self.clock.advance(TimeDelta::days(1));
        did
    }

    pub(crate) fn stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }
}

/// A panic in one request must not fail all others: what the locks guard is changed in single steps.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

type Serve = fn(&Shared, &mut TcpStream);

fn listen(listener: TcpListener, shared: Arc<Shared>, serve: Serve) -> io::Result<(SocketAddr, JoinHandle<()>)> {
    let address = listener.local_addr()?;
    let accept = move || {
        for (number, stream) in (0..).zip(listener.incoming()) {
            if shared.stopping() {
                break;
            }
            let Ok(stream) = stream else { continue };
            let port = u64::from(address.port()) << 32;
            connect(&shared, port | number, stream, serve);
        }
    };
    Ok((address, thread::Builder::new().name("gong-sim".to_owned()).spawn(accept)?))
}

fn connect(shared: &Arc<Shared>, number: u64, mut stream: TcpStream, serve: Serve) {
    // An answer is one write; waiting for more to send would only delay it.
    let _ = stream.set_nodelay(true);
    let Ok(handle) = stream.try_clone() else { return };
    lock(&shared.connections).insert(number, handle);
    let shared = Arc::clone(shared);
    let work = move || {
        serve(&shared, &mut stream);
        lock(&shared.connections).remove(&number);
    };
    // Without a thread to serve it the connection is dropped.
    let _ = thread::Builder::new().name("gong-sim connection".to_owned()).spawn(work);
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stop();
        for (address, thread) in self.listeners.drain(..) {
            // Wakes the accepting thread, which then sees that it is over.
            let _ = TcpStream::connect(address);
            let _ = thread.join();
        }
        for stream in lock(&self.shared.connections).values() {
            answer::close(stream);
        }
    }
}
