//! The real binary, serving: for what only a process can tell, bytes read and memory.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use super::made::Folder;

/// A server on a port of its own; it ends with the test.
pub struct Server {
    child: Child,
    address: String,
}

impl Server {
    /// Serves one raster as the layer `it`, with this many workers.
    pub fn of(folder: &Folder, raster: &str, threads: u8) -> Self {
        let config = folder.write("cogwheel.toml", &format!("[layers.it]\nsource = '{raster}'\n"));
        Self::start(&config, &[("COGWHEEL_THREADS".to_owned(), threads.to_string())])
    }

    /// Serves a configuration that has a layer `it`, with variables of its own.
    pub fn start(config: &str, environment: &[(String, String)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_cogwheel"))
            .args(["serve", "--port", "0"])
            .env("COGWHEEL_CONFIG", config)
            .env("COGWHEEL_LOG", "off")
            .envs(environment.iter().cloned())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().rsplit_once("http://").unwrap().1.to_owned();
        let server = Self { child, address };
        assert_eq!(server.get("/layers/it").0, 200, "the layer is open");
        server
    }

    /// Status and body.
    pub fn get(&self, path: &str) -> (u16, Vec<u8>) {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"))
    }

    /// The same of a POST.
    pub fn post(&self, path: &str, body: &str) -> (u16, Vec<u8>) {
        let length = body.len();
        let head = format!("POST {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\nContent-Length: {length}");
        self.send(&format!("{head}\r\n\r\n{body}"))
    }

    fn send(&self, request: &str) -> (u16, Vec<u8>) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
        assert!(!head.contains("transfer-encoding"), "{head}");
        (head.split(' ').nth(1).unwrap().parse().unwrap(), answer.split_off(end + 4))
    }

    /// Raw values of a tile.
    pub fn npy(&self, tile: &str, query: &str) -> super::Array {
        let (status, body) = self.get(&format!("/tiles/it/{tile}.npy?{query}"));
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        super::Array::parse(&body)
    }

    fn proc(&self, file: &str, key: &str) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).unwrap();
        let line = text.lines().find(|line| line.starts_with(key)).unwrap();
        line[key.len()..].trim().trim_end_matches("kB").trim().parse().unwrap()
    }

    /// Bytes that the process has read so far, whether from a disk or from its cache.
    pub fn bytes_read(&self) -> u64 {
        self.proc("io", "rchar:")
    }

    /// The most memory that the process ever held, in megabytes.
    pub fn peak_mb(&self) -> u64 {
        self.proc("status", "VmHWM:") / 1024
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
