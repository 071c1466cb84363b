//! The real binary over real sockets: starting it, speaking HTTP/1.1 with it, signalling it, and cleaning up.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::support::fixtures;

/// Longer than any answer takes; a socket that is silent for so long has failed.
const PATIENCE: Duration = Duration::from_mins(1);

/// The repository.
pub const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A layer over a fixture, as TOML, with more lines of configuration.
pub fn layer(name: &str, file: &str, settings: &str) -> String {
    format!("[layers.{name}]\nsource = '{}'\n{settings}\n", fixtures().join(file).display())
}

/// The binary, without the settings of whoever runs the tests.
pub fn cogwheel() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cogwheel"));
    for (name, _) in std::env::vars_os() {
        if ["COGWHEEL_", "AWS_", "RUST_"].iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null());
    command
}

/// A folder of its own for a test, gone afterwards.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// A fixture under its own name.
    pub fn copy(&self, fixture: &str) -> PathBuf {
        let from = fixtures().join(fixture);
        self.write(from.file_name().unwrap().to_str().unwrap(), std::fs::read(&from).unwrap())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A child that does not outlive its owner.
pub struct Process(pub Child);

impl Process {
    pub fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([&format!("-{name}"), &self.0.id().to_string()]).status().unwrap().success());
    }

    /// The exit status, unless it takes longer.
    pub fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let start = Instant::now();
        loop {
            let status = self.0.try_wait().unwrap();
            if status.is_some() || start.elapsed() > limit {
                return status;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A running server.
pub struct Server {
    pub process: Process,
    pub folder: Folder,
    pub port: u16,
    _stdout: BufReader<ChildStdout>,
}

impl Server {
    /// Serves the layers of a configuration.
    pub fn of(toml: &str) -> Self {
        Self::with(toml, &[])
    }

    /// The same with environment variables.
    pub fn with(toml: &str, env: &[(&str, &str)]) -> Self {
        let folder = Folder::new();
        folder.write("cogwheel.toml", toml);
        Self::start(folder, env)
    }

    /// Serves the demo layers of the repository.
    pub fn demo() -> Self {
        Self::demo_with(&[])
    }

    /// The same with environment variables.
    pub fn demo_with(env: &[(&str, &str)]) -> Self {
        Self::run(Folder::new(), cogwheel().args(["--port", "0"]).current_dir(ROOT).envs(env.iter().copied()))
    }

    /// Serves the `cogwheel.toml` of a folder.
    pub fn start(folder: Folder, env: &[(&str, &str)]) -> Self {
        let config = folder.path().join("cogwheel.toml");
        Self::run(folder, cogwheel().args(["--port", "0", "--config"]).arg(config).envs(env.iter().copied()))
    }

    /// Waits for the line that a server writes once it listens. Its log goes into the folder.
    pub fn run(folder: Folder, command: &mut Command) -> Self {
        let log = File::create(folder.path().join("log")).unwrap();
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let process = Process(child);
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let port = line.trim().rsplit(':').next().and_then(|port| port.parse().ok());
        let shown = std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
        let port = port.unwrap_or_else(|| panic!("no address in \"{line}\"; the log is\n{shown}"));
        assert!(line.starts_with("Cogwheel serves ") && line.contains("http://"), "{line}");
        Self { process, folder, port, _stdout: stdout }
    }

    /// Ends it and starts another one over the same folder.
    pub fn restart(self) -> Self {
        let Self { process, folder, .. } = self;
        drop(process);
        Self::start(folder, &[])
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    pub fn connect(&self) -> std::io::Result<TcpStream> {
        let stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(stream)
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[])
    }

    /// POST of a body.
    pub fn post(&self, path: &str, body: &str) -> Answer {
        self.send_with("POST", path, &[("Content-Length", &body.len().to_string())], body)
    }

    /// One request on a connection of its own.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send_with(method, path, headers, "")
    }

    fn send_with(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut stream = self.connect().unwrap();
        stream.write_all(&request(method, path, headers)).unwrap();
        // who refuses a body may close before it has come as a whole
        let _ = stream.write_all(body.as_bytes());
        read_answer(&mut stream, method).unwrap_or_else(|fault| panic!("{method} {path}: {fault}"))
    }
}

/// The bytes of a request that is the last on its connection.
pub fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        text.push_str("Host: 127.0.0.1\r\n");
    }
    for (name, value) in headers {
        write!(text, "{name}: {value}\r\n").unwrap();
    }
    text.push_str("\r\n");
    text.into_bytes()
}

/// How reading an answer may end but by a closed connection.
const ENDINGS: [ErrorKind; 3] = [ErrorKind::ConnectionReset, ErrorKind::WouldBlock, ErrorKind::TimedOut];

/// Reads until the other side closes, and takes the answer apart.
pub fn read_answer(stream: &mut TcpStream, method: &str) -> Result<Answer, String> {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => {}
        // A server that refuses a request half-way may reset the connection behind its answer, or keep it open
        // because it never read that it should not; whether the answer is whole is looked at below.
        Err(error) if ENDINGS.contains(&error.kind()) && !bytes.is_empty() => {}
        Err(error) => return Err(format!("after {} bytes: {error}", bytes.len())),
    }
    Answer::parse(&bytes, method)
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    /// Checks on the way that the body is whole.
    fn parse(bytes: &[u8], method: &str) -> Result<Self, String> {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").ok_or("no end of the headers")?;
        let head = std::str::from_utf8(&bytes[..end]).map_err(|error| error.to_string())?;
        let mut lines = head.split("\r\n");
        let status_line = lines.next().unwrap_or_default();
        let status = status_line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| format!("\"{status_line}\" has no status"))?;
        let header = |line: &str| line.split_once(':').map(|(n, v)| (n.to_lowercase(), v.trim().to_owned()));
        let mut answer = Self { status, headers: lines.filter_map(header).collect(), body: bytes[end + 4..].to_vec() };
        if answer.header("transfer-encoding") == "chunked" && method != "HEAD" {
            answer.body = unchunked(&answer.body).ok_or("a chunk is cut off")?;
        } else if let Ok(length) = answer.header("content-length").parse::<usize>()
            && method != "HEAD"
            && status != 304
            && answer.body.len() != length
        {
            return Err(format!("{} bytes came of {length}", answer.body.len()));
        }
        Ok(answer)
    }

    /// A header, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    pub fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(known, _)| known == name)
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Enough of the body for a message.
    pub fn excerpt(&self) -> String {
        self.body[..self.body.len().min(300)].escape_ascii().to_string()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {}", self.excerpt()))
    }

    /// The same answer, after a look at its status.
    pub fn ok(self) -> Self {
        assert_eq!(self.status, 200, "{}", self.excerpt());
        self
    }
}

fn unchunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..end]).ok()?, 16).ok()?;
        rest = &rest[end + 2..];
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size + 2..)?;
    }
}

/// One server for all tests of a table: it lives as long as one of them uses it.
pub struct Shared(Mutex<Weak<Server>>);

impl Shared {
    pub const fn new() -> Self {
        Self(Mutex::new(Weak::new()))
    }

    pub fn get(&self, start: impl FnOnce() -> Server) -> Arc<Server> {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slot.upgrade().unwrap_or_else(|| {
            let server = Arc::new(start());
            *slot = Arc::downgrade(&server);
            server
        })
    }
}
