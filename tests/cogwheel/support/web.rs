//! An HTTP/1.1 file server, written by hand so that it can misbehave byte by byte, and a port that nobody serves.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, StatusCode};
use percent_encoding::percent_decode_str;
use s3s::dto::{Range, Timestamp, TimestampFormat};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::served::{Background, Log, Object, Seen, UnderWay};

/// How long what was sent may take to arrive before a reset overtakes it.
const ARRIVAL: Duration = Duration::from_millis(20);

/// What `LongLength` adds.
const MISSING: usize = 1000;

/// A chunk of an answer without end.
const CHUNK: usize = 65_536;

/// What is wrong with an answer.
#[derive(Debug, Clone)]
pub enum Fault {
    None,
    /// A correct answer, later.
    Delay(Duration),
    /// Closed without an answer.
    Close,
    /// A TCP reset without an answer.
    Reset,
    /// The headers of the whole answer and so many bytes of the body, then closed.
    Truncate(u64),
    /// The same with a TCP reset at the end.
    ResetAfter(u64),
    /// This status with an empty body.
    Status(u16),
    /// A Content-Length of more bytes than there are, then closed.
    LongLength,
    /// 206 with the right bytes, and a Content-Range that begins and ends a byte later.
    WrongRange,
    /// 200 with the whole file.
    IgnoreRange,
    /// This value of the header `ETag`, quotes included. Conditions are not looked at, nor with the next two.
    ETag(String),
    NoETag,
    WeakETag,
    /// 206 with the Content-Range that was asked for, chunked: zeros as fast as the client takes them.
    Endless,
    /// 302.
    Redirect(String),
    /// The headers, then silence until the client or the server goes.
    Stall,
    /// Closed after something that is not HTTP.
    Garbage,
}

type Misbehave = Box<dyn Fn(&Seen, usize) -> Fault + Send + Sync>;

/// A server on a port of its own; it ends with the test.
pub struct Web {
    address: SocketAddr,
    site: Arc<Site>,
    _background: Background,
}

struct Site {
    folder: PathBuf,
    log: Log,
    connections: AtomicUsize,
    /// With the number of the next request.
    script: Mutex<(usize, Misbehave)>,
}

impl Web {
    /// Serves the files of a folder, read anew for each request.
    pub fn start(folder: impl Into<PathBuf>) -> Self {
        let site = Arc::new(Site {
            folder: folder.into(),
            log: Log::default(),
            connections: AtomicUsize::new(0),
            script: Mutex::new((0, Box::new(|_, _| Fault::None))),
        });
        let served = Arc::clone(&site);
        let (background, address) = Background::serve(|listener| async move {
            while let Ok((stream, _)) = listener.accept().await {
                served.connections.fetch_add(1, Ordering::SeqCst);
                let site = Arc::clone(&served);
                // a client that goes away is none of the server's errors
                tokio::spawn(async move { site.converse(stream).await.unwrap_or_default() });
            }
        });
        Self { address, site, _background: background }
    }

    /// The URL of a path in the folder.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}/{}", self.address, path.trim_start_matches('/'))
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Chooses what is wrong with each answer from now on, from the request and its number; the next one has number 0.
    pub fn misbehave(&self, misbehave: impl Fn(&Seen, usize) -> Fault + Send + Sync + 'static) {
        *self.site.script.lock().unwrap() = (0, Box::new(misbehave));
    }

    /// Connections that were accepted since the start or since `forget`.
    pub fn connections(&self) -> usize {
        self.site.connections.load(Ordering::SeqCst)
    }

    /// The requests since the start or since `forget`.
    pub fn requests(&self) -> Vec<Seen> {
        self.site.log.requests()
    }

    /// The most requests that were under way at one time.
    pub fn most_at_once(&self) -> usize {
        self.site.log.most_at_once()
    }

    /// How many rounds of requests there were, one after the other. Delay the answers first: requests that were sent
    /// together may otherwise be answered so fast that they do not overlap.
    pub fn round_trips(&self) -> usize {
        self.site.log.round_trips()
    }

    pub fn forget(&self) {
        self.site.log.forget();
        self.site.connections.store(0, Ordering::SeqCst);
    }
}

impl Site {
    /// Answers what comes in on a connection.
    async fn converse(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut received = Vec::new();
        while let Some(seen) = receive(&mut stream, &mut received).await? {
            let under_way = self.log.begin(seen.clone());
            let fault = {
                let mut script = self.script.lock().unwrap_or_else(PoisonError::into_inner);
                let request = script.0;
                script.0 += 1;
                script.1(&seen, request)
            };
            let last = seen.header("connection").eq_ignore_ascii_case("close");
            if !self.answer(&mut stream, &under_way, &seen, &fault).await? || last {
                break;
            }
        }
        Ok(())
    }

    /// Whether the connection lives on.
    async fn answer(
        &self, stream: &mut TcpStream, under_way: &UnderWay<'_>, seen: &Seen, fault: &Fault,
    ) -> io::Result<bool> {
        match fault {
            Fault::Delay(time) => tokio::time::sleep(*time).await,
            Fault::Close => return Ok(false),
            Fault::Reset => {
                stream.set_zero_linger()?;
                return Ok(false);
            }
            Fault::Garbage => {
                send(stream, under_way, b"220 this is not the protocol that you expect\r\n\r\n").await?;
                return Ok(false);
            }
            _ => {}
        }
        let Reply { status, mut headers, mut body } = self.reply(seen, fault);
        under_way.status(status.as_u16());
        let length = body.len() + if matches!(fault, Fault::LongLength) { MISSING } else { 0 };
        if matches!(fault, Fault::Endless) {
            headers.push(("Transfer-Encoding", "chunked".to_owned()));
        } else if status != StatusCode::NOT_MODIFIED {
            headers.push(("Content-Length", length.to_string()));
        }
        let mut bytes = format!("HTTP/1.1 {status}\r\n").into_bytes();
        for (name, value) in headers {
            bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        match fault {
            Fault::Stall => {
                stream.write_all(&bytes).await?;
                while stream.read(&mut [0; 1024]).await? > 0 {}
                return Ok(false);
            }
            Fault::Endless => {
                stream.write_all(&bytes).await?;
                let chunk = [format!("{CHUNK:x}\r\n").as_bytes(), &vec![0; CHUNK], b"\r\n"].concat();
                loop {
                    stream.write_all(&chunk).await?;
                }
            }
            Fault::Truncate(bytes) | Fault::ResetAfter(bytes) => body.truncate(*bytes as usize),
            _ => {}
        }
        if seen.method != "HEAD" {
            bytes.append(&mut body);
        }
        send(stream, under_way, &bytes).await?;
        if matches!(fault, Fault::ResetAfter(_)) {
            tokio::time::sleep(ARRIVAL).await;
            stream.set_zero_linger()?;
        }
        Ok(!matches!(fault, Fault::Truncate(_) | Fault::ResetAfter(_) | Fault::LongLength))
    }

    fn reply(&self, seen: &Seen, fault: &Fault) -> Reply {
        match fault {
            Fault::Status(status) => return Reply::empty(StatusCode::from_u16(*status).unwrap()),
            Fault::Redirect(to) => return Reply::empty(StatusCode::FOUND).with("Location", to),
            _ => {}
        }
        if !["GET", "HEAD"].contains(&seen.method.as_str()) {
            return Reply::empty(StatusCode::METHOD_NOT_ALLOWED);
        }
        let name = percent_decode_str(seen.path.trim_start_matches('/')).decode_utf8_lossy();
        let Some(Object { bytes, etag, modified }) = Object::read(&self.folder, &name) else {
            return Reply::empty(StatusCode::NOT_FOUND);
        };
        let etag = format!("\"{etag}\"");
        let (etag, honest) = match fault {
            Fault::ETag(other) => (Some(other.clone()), false),
            Fault::NoETag => (None, false),
            Fault::WeakETag => (Some(format!("W/{etag}")), false),
            _ => (Some(etag), true),
        };
        let reply = Reply::empty(StatusCode::OK).with("Accept-Ranges", "bytes").with("Last-Modified", &date(modified));
        let reply = if let Some(etag) = &etag { reply.with("ETag", etag) } else { reply };
        let lists_it = |list: &str| list.split(',').any(|one| one.trim() == "*" || Some(one.trim()) == etag.as_deref());
        let (if_match, if_none_match) = (seen.if_match(), seen.header("if-none-match"));
        if honest && !if_match.is_empty() && !lists_it(if_match) {
            return Reply { status: StatusCode::PRECONDITION_FAILED, ..reply };
        }
        if honest && lists_it(if_none_match) {
            return Reply { status: StatusCode::NOT_MODIFIED, ..reply };
        }
        let size = bytes.len() as u64;
        // several ranges at once are answered with the whole, as the standard allows
        let part = match (Range::parse(seen.range()), fault) {
            (_, Fault::IgnoreRange) => return Reply { body: bytes, ..reply },
            (Ok(range), _) => range.check(size),
            (Err(_), Fault::WrongRange | Fault::Endless) => Ok(0..size),
            (Err(_), _) => return Reply { body: bytes, ..reply },
        };
        let Ok(part) = part else {
            let reply = reply.with("Content-Range", &format!("bytes */{size}"));
            return Reply { status: StatusCode::RANGE_NOT_SATISFIABLE, ..reply };
        };
        let off = u64::from(matches!(fault, Fault::WrongRange));
        let reply = reply.with("Content-Range", &format!("bytes {}-{}/{size}", part.start + off, part.end + off - 1));
        let body = bytes[part.start as usize..part.end as usize].to_vec();
        Reply { status: StatusCode::PARTIAL_CONTENT, body, ..reply }
    }
}

async fn send(stream: &mut TcpStream, under_way: &UnderWay<'_>, bytes: &[u8]) -> io::Result<()> {
    let (rest, last) = bytes.split_at(bytes.len() - 1);
    stream.write_all(rest).await?;
    under_way.end();
    stream.write_all(last).await
}

struct Reply {
    status: StatusCode,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Reply {
    fn empty(status: StatusCode) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

/// The next request of a connection; `received` keeps what came with it of the one after.
async fn receive(stream: &mut TcpStream, received: &mut Vec<u8>) -> io::Result<Option<Seen>> {
    let end = loop {
        if let Some(end) = received.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(received).await? == 0 {
            return Ok(None);
        }
    };
    let head = String::from_utf8_lossy(&received[..end]).into_owned();
    received.drain(..end + 4);
    let (line, headers) = head.split_once("\r\n").unwrap_or((&head, ""));
    let mut words = line.split(' ');
    let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or("/"));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let headers: HeaderMap = headers
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.trim().parse().unwrap()))
        .collect();
    Ok(Some(Seen::new(method, path, query, headers)))
}

fn date(time: std::time::SystemTime) -> String {
    let mut text = Vec::new();
    Timestamp::from(time).format(TimestampFormat::HttpDate, &mut text).unwrap();
    String::from_utf8(text).unwrap()
}

/// A port of 127.0.0.1, and the same of IPv6 where there is any: takes connections, counts them, and is silent.
pub struct Listener {
    sockets: Vec<TcpListener>,
    connections: AtomicUsize,
}

impl Listener {
    pub fn start() -> Self {
        let v4 = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let v6 = TcpListener::bind((Ipv6Addr::LOCALHOST, v4.local_addr().unwrap().port()));
        let sockets: Vec<TcpListener> = std::iter::once(v4).chain(v6).collect();
        for socket in &sockets {
            socket.set_nonblocking(true).unwrap();
        }
        Self { sockets, connections: AtomicUsize::new(0) }
    }

    /// 127.0.0.1 first.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.sockets.iter().map(|socket| socket.local_addr().unwrap()).collect()
    }

    /// Every connection so far, even one that is a microsecond old: the kernel took it, and is asked here.
    pub fn connections(&self) -> usize {
        let new = self.sockets.iter().map(|socket| std::iter::from_fn(|| socket.accept().ok()).count()).sum::<usize>();
        self.connections.fetch_add(new, Ordering::SeqCst) + new
    }
}
