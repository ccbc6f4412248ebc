//! A real S3 server in the test's own process, with faults on demand between the program and it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt as _;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper_util::rt::TokioIo;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, HttpResponse};
use tokio::runtime::Runtime;
use tokio::sync::RwLock;

/// Name of the bucket, and the output's prefix in it.
pub const BUCKET: &str = "warehouse";
pub const PREFIX: &str = "gong/elt";

/// What the server accepts.
pub const KEY: &str = "bucket-key";
pub const SECRET: &str = "bucket-secret";

/// What goes wrong with one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// An answer of the server itself, nothing done.
    Status(u16),
    /// The connection ends, nothing done.
    Reset,
    /// The work is done and the connection ends.
    LoseAnswer,
    /// The work is done and the answer is a 500 all the same.
    FalseAlarm,
    /// The answer's body ends in the middle.
    CutBody,
    /// The answer takes that long.
    Slow(Duration),
}

/// One request, as it came.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Method, path and query.
    pub request: String,
    /// What went wrong with it.
    pub fault: Option<Fault>,
}

/// A server with one bucket.
pub struct Bucket {
    root: tempfile::TempDir,
    address: SocketAddr,
    shared: Arc<Shared>,
    _runtime: Runtime,
}

struct Shared {
    service: S3Service,
    honours: bool,
    /// One write at a time, and no reading beside it: the server looks and then writes, and two could both find nothing.
    order: RwLock<()>,
    rules: Mutex<Vec<Rule>>,
    seen: Mutex<Vec<Seen>>,
}

struct Rule {
    method: &'static str,
    containing: String,
    left: u32,
    chance: Option<(StdRng, u32)>,
    faults: Vec<Fault>,
}

impl Bucket {
    /// A server that honours preconditions and checks signatures.
    pub fn start() -> Bucket {
        Bucket::with(true)
    }

    /// A server that accepts preconditions and ignores them, and shows no etag of an object, as some do.
    pub fn careless() -> Bucket {
        Bucket::with(false)
    }

    fn with(honours: bool) -> Bucket {
        let root = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(root.path().join(BUCKET)).expect("a folder");
        let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(root.path()).expect("a folder"));
        // Signatures cover the conditions: a server that drops these cannot check those.
        if honours {
            builder.set_auth(s3s::auth::SimpleAuth::from_single(KEY, SECRET));
        }
        let shared = Arc::new(Shared {
            service: builder.build(),
            honours,
            order: RwLock::default(),
            rules: Mutex::default(),
            seen: Mutex::default(),
        });
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a port");
        let address = listener.local_addr().expect("an address");
        runtime.spawn(serve(listener, shared.clone()));
        Bucket { root, address, shared, _runtime: runtime }
    }

    /// Address of the server.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Tables of the configuration that name the bucket.
    pub fn settings(&self) -> String {
        format!(
            "[output]\nurl = \"s3://{BUCKET}/{PREFIX}\"\n[output.s3]\nregion = \"us-east-1\"\nendpoint = \"{}\"\nallow_http = true\n\
             access_key_id = \"{KEY}\"\nsecret_access_key = \"{SECRET}\"\n",
            self.endpoint()
        )
    }

    /// Where the server keeps what lies under the prefix: each object a file of its name.
    pub fn folder(&self) -> PathBuf {
        self.root.path().join(BUCKET).join(PREFIX)
    }

    /// Uploads that were begun and neither completed nor aborted.
    pub fn unfinished_uploads(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.root.path()).expect("a folder").flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| name.starts_with(".upload-") || name.starts_with(".upload_id-")).collect()
    }

    /// The next `times` requests of `method` whose path and query hold `containing` meet this fault. An empty method is any.
    pub fn fault(&self, method: &'static str, containing: &str, fault: Fault, times: u32) {
        let rule = Rule { method, containing: containing.to_owned(), left: times, chance: None, faults: vec![fault] };
        self.shared.rules.lock().expect("no panic").push(rule);
    }

    /// Each request meets one of `faults`, in turn, with this chance.
    pub fn faults_by_chance(&self, seed: u64, percent: u32, faults: &[Fault]) {
        let chance = Some((StdRng::seed_from_u64(seed), percent));
        let rule = Rule { method: "", containing: String::new(), left: u32::MAX, chance, faults: faults.to_vec() };
        self.shared.rules.lock().expect("no panic").push(rule);
    }

    /// No more faults.
    pub fn calm(&self) {
        self.shared.rules.lock().expect("no panic").clear();
    }

    /// The requests so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().expect("no panic").clone()
    }
}

/// The connection ends without an answer.
#[derive(Debug)]
struct Gone;

impl std::fmt::Display for Gone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("gone")
    }
}

impl std::error::Error for Gone {}

async fn serve(listener: tokio::net::TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shared = shared.clone();
        let service = hyper::service::service_fn(move |request| {
            let shared = shared.clone();
            async move { shared.answer(request).await }
        });
        let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        // A connection that ends early was meant to.
        tokio::spawn(async move { drop(connection.await) });
    }
}

impl Shared {
    async fn answer(&self, request: hyper::Request<Incoming>) -> Result<HttpResponse, Gone> {
        let fault = self.note(&request);
        match fault {
            Some(Fault::Status(status)) => {
                // The request is read to its end: an answer before it would be a reset to many clients.
                drop(request.into_body().collect().await);
                return Ok(refusal(status));
            }
            Some(Fault::Reset) => return Err(Gone),
            Some(Fault::Slow(time)) => tokio::time::sleep(time).await,
            _ => {}
        }
        let done = self.work(request).await?;
        match fault {
            Some(Fault::LoseAnswer) => Err(Gone),
            Some(Fault::FalseAlarm) => Ok(refusal(500)),
            Some(Fault::CutBody) => Ok(cut(done).await),
            _ => Ok(done),
        }
    }

    async fn work(&self, mut request: hyper::Request<Incoming>) -> Result<HttpResponse, Gone> {
        if !self.honours {
            for name in ["if-match", "if-none-match", "authorization"] {
                request.headers_mut().remove(name);
            }
        }
        let reads = matches!(request.method().as_str(), "GET" | "HEAD");
        let request = request.map(Body::from);
        if reads {
            let _together = self.order.read().await;
            let mut answer = self.service.call(request).await.map_err(|_| Gone)?;
            if !self.honours {
                answer.headers_mut().remove("etag");
            }
            Ok(answer)
        } else {
            let _alone = self.order.write().await;
            self.service.call(request).await.map_err(|_| Gone)
        }
    }

    fn note(&self, request: &hyper::Request<Incoming>) -> Option<Fault> {
        let method = request.method().as_str();
        let path = request.uri().path_and_query().map_or("", |path| path.as_str());
        let fault = self.rules.lock().expect("no panic").iter_mut().find_map(|rule| rule.hit(method, path));
        let seen = Seen { request: format!("{method} {path}"), fault };
        self.seen.lock().expect("no panic").push(seen);
        fault
    }
}

impl Rule {
    fn hit(&mut self, method: &str, path: &str) -> Option<Fault> {
        let matches = (self.method.is_empty() || self.method == method) && path.contains(&self.containing);
        if !matches || self.left == 0 {
            return None;
        }
        let Some((chance, percent)) = &mut self.chance else {
            self.left -= 1;
            return self.faults.first().copied();
        };
        // In turn, so that each kind is met.
        (chance.gen_range(0..100) < *percent).then(|| {
            self.faults.rotate_left(1);
            self.faults[0]
        })
    }
}

fn refusal(status: u16) -> HttpResponse {
    let text = "<Error><Code>InternalError</Code><Message>on demand</Message></Error>".to_owned();
    let mut answer = HttpResponse::new(Body::from(text));
    *answer.status_mut() = hyper::StatusCode::from_u16(status).expect("a status");
    answer
}

/// The same answer with half of its body, after which the connection breaks.
async fn cut(answer: HttpResponse) -> HttpResponse {
    let (head, body) = answer.into_parts();
    let whole =
        http_body_util::BodyExt::collect(body).await.map_or_else(|_| Bytes::new(), http_body_util::Collected::to_bytes);
    let half = whole.slice(..whole.len() / 2);
    let pieces = futures::stream::iter([Ok::<_, Infallible>(Frame::data(half))]);
    let broken = pieces
        .map(|piece| piece.map_err(|never| -> std::io::Error { match never {} }))
        .chain(futures::stream::iter([Err(std::io::Error::other("cut"))]));
    HttpResponse::from_parts(head, Body::http_body_unsync(StreamBody::new(broken)))
}
