//! Lambda's runtime and invoke APIs, by `cargo lambda watch --only-lambda-apis`; and instances of the real binary.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};

use crate::server::{Answer, Folder, Process, ROOT, read_answer, request};
use crate::support::served::Background;

/// The functions of the package.
const FUNCTIONS: [&str; 2] = ["tiles", "chunk"];

/// How long the emulator may take to start.
const PATIENCE: Duration = Duration::from_secs(30);

/// The emulator; it ends with this value.
pub struct Platform {
    pub port: u16,
    _process: Process,
    _project: Folder,
}

/// One instance of a function.
pub struct Instance(pub Process);

/// `cargo-lambda`, where `scripts/emulator.sh` has put it.
fn cargo_lambda() -> PathBuf {
    let name = std::env::var_os("COGWHEEL_CARGO_LAMBDA").map(PathBuf::from);
    let target = || Path::new(env!("CARGO_TARGET_TMPDIR")).join("../emulator/bin/cargo-lambda");
    let path = name.unwrap_or_else(target);
    assert!(path.exists(), "{} is not there: run scripts/emulator.sh, or `make test`, which does", path.display());
    path
}

impl Platform {
    pub fn start() -> Self {
        // The emulator knows the functions by the programs of a package.
        let project = Folder::new();
        let bin = |name: &str| format!("[[bin]]\nname = \"{name}\"\npath = \"main.rs\"\n");
        let package = "[package]\nname = \"functions\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n";
        project.write("Cargo.toml", format!("{package}{}", FUNCTIONS.map(bin).concat()));
        project.write("main.rs", "fn main() {}");
        let port = free_port();
        let log = std::fs::File::create(project.path().join("log")).unwrap();
        let process = Command::new(cargo_lambda())
            .args([
                "lambda",
                "watch",
                "--only-lambda-apis",
                "--ignore-changes",
                "-A",
                "127.0.0.1",
                "-P",
                &port.to_string(),
            ])
            .current_dir(project.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let process = Process(process);
        let start = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            let log = || std::fs::read_to_string(project.path().join("log")).unwrap();
            assert!(start.elapsed() < PATIENCE, "the emulator does not listen: {}", log());
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { port, _process: process, _project: project }
    }

    /// An instance of a function, with the demo layers and nothing of this process's environment.
    pub fn instance(&self, function: &str, environment: &[(&str, &str)]) -> Instance {
        let port = self.port;
        let child = Command::new(env!("CARGO_BIN_EXE_cogwheel"))
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", format!("http://127.0.0.1:{port}/.rt/{function}"))
            .env("AWS_LAMBDA_FUNCTION_NAME", function)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1769")
            .env("_HANDLER", function)
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "AKIDOFTHETESTS")
            .env("AWS_SECRET_ACCESS_KEY", "the-secret-of-the-tests")
            .env("AWS_ENDPOINT_URL_LAMBDA", format!("http://127.0.0.1:{port}"))
            .env("COGWHEEL_CONFIG", Path::new(ROOT).join("cogwheel.toml"))
            .env("COGWHEEL_LOG", "warn")
            .envs(environment.iter().copied())
            .spawn()
            .unwrap();
        Instance(Process(child))
    }

    /// GET through the function's URL.
    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "")
    }

    /// POST through it.
    pub fn post(&self, path: &str, body: &str) -> Answer {
        self.send("POST", path, &[("Content-Length", &body.len().to_string())], body)
    }

    /// Any request through it.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.request(method, &format!("/lambda-url/tiles{path}"), headers, body)
    }

    /// An invocation of a function.
    pub fn invoke(&self, function: &str, payload: &str) -> Answer {
        let path = format!("/2015-03-31/functions/{function}/invocations");
        self.request("POST", &path, &[("Content-Length", &payload.len().to_string())], payload)
    }

    /// The emulator hands an answer on while it still comes in, and now and then loses its end: then there is a 500 of its
    /// own making, or nothing at all. Whoever asks again gets it.
    fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let patience = if method == "POST" { Duration::from_mins(1) } else { Duration::from_secs(4) };
        let mut losses = Vec::new();
        while losses.len() < 5 {
            match self.request_once(patience, method, path, headers, body) {
                Ok(answer) if answer.status == 500 && answer.text().contains("httpstatuses.com") => {
                    losses.push(answer.text());
                }
                Ok(answer) => return answer,
                Err(fault) => losses.push(fault),
            }
        }
        panic!("{method} {path}: {losses:?}");
    }

    fn request_once(
        &self, patience: Duration, method: &str, path: &str, headers: &[(&str, &str)], body: &str,
    ) -> Result<Answer, String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).unwrap();
        stream.set_read_timeout(Some(patience)).unwrap();
        stream.write_all(&request(method, path, headers)).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
        read_answer(&mut stream, method)
    }
}

impl Instance {
    /// Resident memory in megabytes: what it has now (`VmRSS`), or has had at most (`VmHWM`).
    pub fn memory_mb(&self, which: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.0.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(which)).unwrap();
        line.trim_matches(|c: char| !c.is_ascii_digit()).parse::<u64>().unwrap() / 1024
    }
}

/// How a caller is turned away.
#[derive(Debug, Clone, Copy)]
pub enum Refusal {
    /// There is no capacity.
    NoCapacity,
    /// The connection ends without an answer.
    HangsUp,
    /// The function was started, and failed.
    Failed,
}

impl Refusal {
    fn answer(self) -> String {
        let (status, header, body) = match self {
            Self::HangsUp => return String::new(),
            Self::NoCapacity => (
                "429 Too Many Requests",
                "x-amzn-errortype: TooManyRequestsException",
                "{\"Reason\":\"ReservedFunctionConcurrentInvocationLimitExceeded\",\"Type\":\"User\",\
                 \"message\":\"Rate Exceeded.\"}",
            ),
            Self::Failed => (
                "200 OK",
                "x-amz-function-error: Unhandled",
                "{\"errorType\":\"Runtime.ExitError\",\"errorMessage\":\"Runtime exited with error: signal: killed\"}",
            ),
        };
        format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{header}\r\ncontent-length: {}\r\n\
             connection: close\r\n\r\n{body}",
            body.len()
        )
    }
}

/// A door in front of the emulator that turns the first callers away.
pub struct Door {
    pub address: SocketAddr,
    turned_away: Arc<AtomicUsize>,
    _background: Background,
}

impl Door {
    pub fn start(platform: &Platform, refusals: usize, refusal: Refusal) -> Self {
        let turned_away = Arc::new(AtomicUsize::new(0));
        let (count, port) = (Arc::clone(&turned_away), platform.port);
        let (background, address) = Background::serve(|listener| async move {
            loop {
                let (mut caller, _) = listener.accept().await.unwrap();
                let count = Arc::clone(&count);
                tokio::spawn(async move {
                    let taken = count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |count| {
                        (count < refusals).then_some(count + 1)
                    });
                    if taken.is_ok() {
                        let mut start = [0; 4096];
                        let _ = caller.read(&mut start).await;
                        let _ = caller.write_all(refusal.answer().as_bytes()).await;
                        return;
                    }
                    let mut emulator = tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
                    let _ = copy_bidirectional(&mut caller, &mut emulator).await;
                });
            }
        });
        Self { address, turned_away, _background: background }
    }

    pub fn turned_away(&self) -> usize {
        self.turned_away.load(Ordering::SeqCst)
    }
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}
