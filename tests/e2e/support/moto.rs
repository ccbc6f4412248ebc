//! A second S3 server, a program of its own and written by others: moto. Started and stopped by the test, on loopback.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Stdio};

use super::Rig;
use super::truth::python;
use crate::conformance::{opened, wait};

const BUCKET: &str = "elsewhere";

/// A server with one empty bucket. Its uploads are all of 2010.
pub struct Moto {
    process: Child,
    endpoint: String,
}

impl Moto {
    /// Starts it on a free port.
    pub fn start() -> Moto {
        let mut command = python();
        command.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]);
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("python starts");
        let mut said = BufReader::new(process.stderr.take().expect("a pipe"));
        let mut lines = said.by_ref().lines().map_while(Result::ok);
        let line = lines.find(|line| line.contains("Running on")).expect("moto runs; `make venv` installs it");
        let endpoint = line.split("Running on ").nth(1).expect("an address").trim().to_owned();
        // It logs each request: a full pipe would stop it.
        std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        let moto = Moto { process, endpoint };
        moto.ask("s3.create_bucket(Bucket=bucket)");
        moto
    }

    /// Tables of the configuration that name the bucket.
    pub fn settings(&self) -> String {
        format!(
            "[output]\nurl = \"s3://{BUCKET}/a/prefix\"\n[output.s3]\nregion = \"us-east-1\"\nendpoint = \"{}\"\nallow_http = true\n\
             access_key_id = \"any\"\nsecret_access_key = \"any\"\n",
            self.endpoint
        )
    }

    /// Uploads that were begun and neither completed nor aborted, as the server lists them.
    pub fn unfinished_uploads(&self) -> usize {
        self.ask("print(len(s3.list_multipart_uploads(Bucket=bucket).get('Uploads', [])))")
            .trim()
            .parse()
            .expect("a number")
    }

    /// Begins an upload in parts and forgets it.
    pub fn leave_an_upload(&self, key: &str) {
        self.ask(&format!("s3.create_multipart_upload(Bucket=bucket, Key='{key}')"));
    }

    /// Copies every object into the rig's own folder, in place of what was there.
    pub fn mirror(&self, rig: &Rig) {
        let store = opened(&self.settings());
        let _ = std::fs::remove_dir_all(rig.data());
        wait(async {
            for path in store.list("").await.expect("a list") {
                let object = store.get(&path).await.expect("an object").expect("an object");
                let file = rig.data().join(path);
                std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
                std::fs::write(file, object).expect("a file");
            }
        });
    }

    /// A line of Python with Amazon's own client.
    fn ask(&self, line: &str) -> String {
        let program = format!(
            "import boto3\ns3 = boto3.client('s3', endpoint_url='{}', region_name='us-east-1', aws_access_key_id='any', \
             aws_secret_access_key='any')\nbucket = '{BUCKET}'\n{line}",
            self.endpoint
        );
        let output = python().args(["-c", &program]).output().expect("python starts");
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        // It has no state to save.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
