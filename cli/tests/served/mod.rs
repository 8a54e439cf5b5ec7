//! A server of the command under test, and plain HTTP to it.
#![allow(dead_code, reason = "each test program uses a part of it")]

use serde_json::Value;
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, ExitStatus, Stdio},
};

/// `kubetape serve` or `kubetape sim` without a command; it ends when this is dropped.
pub(crate) struct Served {
    child: Child,
    pub(crate) kubeconfig: String,
    pub(crate) config: Value,
}

impl Served {
    /// Starts it, with this on its standard input.
    pub(crate) fn start(args: &[&str], input: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_kubetape"))
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let kubeconfig =
            line.trim().strip_prefix("export KUBECONFIG=").expect("a line for shells").to_owned();
        let config = serde_json::from_str(&fs::read_to_string(&kubeconfig).unwrap()).unwrap();
        Self { child, kubeconfig, config }
    }

    /// The answer of the cluster with this number: status, headers and body.
    pub(crate) fn ask(
        &self,
        cluster: usize,
        method: &str,
        path: &str,
        accept: &str,
        body: &str,
    ) -> (u16, String, String) {
        let url = self.config["clusters"][cluster]["cluster"]["server"].as_str().unwrap();
        let address = url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nAccept: {accept}\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let body = if head.to_lowercase().contains("transfer-encoding: chunked") {
            chunks(body)
        } else {
            body.to_owned()
        };
        (status, head.to_owned(), body)
    }

    /// The JSON at a path of the first cluster.
    pub(crate) fn get(&self, path: &str) -> Value {
        let (status, _, body) = self.ask(0, "GET", path, "application/json", "");
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{path}: {error}: {body}"))
    }

    /// The `Status` with which the first cluster refuses a request.
    pub(crate) fn refused(&self, method: &str, path: &str) -> Value {
        let (status, _, body) = self.ask(0, method, path, "application/json", "{}");
        let said: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            (said["kind"].as_str(), said["code"].as_u64()),
            (Some("Status"), Some(status.into())),
            "{body}"
        );
        said
    }

    /// Asks it to end, as CI does.
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        terminate(&self.child);
        self.child.wait().unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends SIGTERM.
pub(crate) fn terminate(child: &Child) {
    let sent = Command::new("kill").args(["-s", "TERM", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

fn chunks(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        whole += &rest[..size];
        body = &rest[size + 2..];
        if size == 0 {
            break;
        }
    }
    whole
}
