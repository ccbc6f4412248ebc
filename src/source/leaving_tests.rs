use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::super::limiter::{Limiter, Pass, Rank};
use super::super::transport::{client, receive};
use super::*;
use crate::clock::SystemClock;
use crate::config::LimitSettings;
use crate::error::Result;
use crate::halt::Stop;

/// Lets everything pass, and remembers which requests were noted again.
#[derive(Default)]
struct Noted {
    passed: AtomicI64,
    again: Mutex<Vec<i64>>,
}

impl Noted {
    fn again(&self) -> Vec<i64> {
        self.again.lock().expect("numbers").clone()
    }
}

impl Meter for Noted {
    fn pass(&self, _: u32, _: Duration) -> Result<Pass> {
        Ok(Pass::Go(self.passed.fetch_add(1, Ordering::SeqCst) + 1))
    }
    fn left(&self, number: i64) -> Result<()> {
        self.again.lock().expect("numbers").push(number);
        Ok(())
    }
    fn again(&self, number: i64, _: u32, _: Duration) -> Result<Option<Duration>> {
        self.left(number).map(|()| None)
    }
    fn close(&self, _: DateTime<Utc>) -> Result<()> {
        unreachable!("nothing is throttled here")
    }
    fn lower(&self, _: u32) {}
}

/// A vendor that answers so many requests on each connection, and then closes it.
fn vendor(requests: [usize; 2]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}/", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for n in requests {
            let (mut stream, _) = listener.accept().expect("a connection");
            for left in (0..n).rev() {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    stream.read_exact(&mut byte).expect("a request");
                    head.push(byte[0]);
                }
                let connection = if left == 0 { "close" } else { "keep-alive" };
                write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: {connection}\r\n\r\n{{}}")
                    .expect("an answer");
            }
        }
    });
    address
}

#[tokio::test]
async fn a_request_that_sets_up_a_connection_leaves_when_it_stands() {
    // GIVEN a vendor that closes its connections after two requests
    let (address, meter) = (vendor([2, 2]), Arc::new(Noted::default()));
    let client = client(Duration::from_secs(5)).expect("a client");
    // WHEN four requests are made
    for number in 1..=4 {
        let leaving = Leaving { number, meter: meter.clone(), most: 3, within: Duration::from_secs(1) };
        let answer = leaving.during(receive(client.get(&address), Duration::from_secs(5))).await.expect("an answer");
        assert_eq!(answer.status, 200);
    }
    // THEN those with a connection of their own were noted again, and no other
    assert_eq!(meter.again(), [1, 3]);
}

#[tokio::test]
async fn the_first_request_of_a_process_counts_as_left_when_its_answer_is_there() {
    let (meter, settings) = (Arc::new(Noted::default()), LimitSettings::default());
    let limiter = Limiter::new(&settings, None, meter.clone(), Arc::new(SystemClock), Stop::default());
    let first = limiter.permit(Rank::Any).await.expect("a permit");
    assert!(meter.again().is_empty(), "it is under way");
    drop(first);
    drop(limiter.permit(Rank::Any).await.expect("a permit"));
    assert_eq!(meter.again(), [1]);
}
