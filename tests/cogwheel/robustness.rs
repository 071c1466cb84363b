//! Rough treatment: garbage, crowds, and memory.

use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::server::{Folder, ROOT, Server, cogwheel, layer, read_answer, request};
use crate::support::geo::tile;

/// What the issue allows for 2,000 mixed tiles and 8 clients.
const MEMORY_LIMIT_MB: u64 = 200;

/// splitmix64 (Steele, Lea and Flood 2014): the same numbers in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.below(1_000_000) as f64 / 1e6
    }
}

const NUMBERS: [&str; 22] = [
    "0",
    "1",
    "2",
    "3",
    "11",
    "30",
    "31",
    "255",
    "256",
    "-1",
    "1e3",
    "4294967295",
    "4294967296",
    "18446744073709551616",
    "nan",
    "inf",
    "-inf",
    "0.5",
    "",
    "%00",
    "%FF",
    "\u{663}",
];
const NAMES: [&str; 8] = ["rgb", "palette", "dem", "wide", "nope", "", "..", "%2e%2e"];
const ENDS: [&str; 12] =
    ["", ".png", ".npy", ".jpg", "@2x", "@4x.npy", "@2x.png", "@", ".", "@-1x", ".png.png", "%2Epng"];
const KEYS: [&str; 12] = [
    "bidx",
    "rescale",
    "colormap",
    "colormap_name",
    "resampling",
    "nodata",
    "tilesize",
    "return_mask",
    "format",
    "width",
    "height",
    "x",
];
const VALUES: [&str; 26] = [
    "1",
    "0",
    "3",
    "64",
    "65",
    "512",
    "1024",
    "0,1",
    "1,0",
    "-1e300,1e300",
    "[0,1]",
    "nan",
    "viridis",
    "greys_r",
    "nearest",
    "mode",
    "lanczos",
    "average",
    "{%221%22:%22%23f00%22}",
    "[[0,[1,2,3]],[9,[3,2,1,0]]]",
    "[[[0,9],%22%23fff%22]]",
    "true",
    "false",
    "%",
    "%FF",
    "",
];

/// A path that makes sense in places.
fn path(random: &mut Random) -> String {
    let name = random.pick(&NAMES);
    let mut number = || random.pick(&NUMBERS);
    let (a, b, c) = (number(), number(), number());
    let mut path = match random.below(9) {
        0..=3 => format!("/tiles/{name}/{a}/{b}/{c}{}", random.pick(&ENDS)),
        4 => format!("/layers/{name}"),
        5 => format!("/layers/{name}/{}", random.pick(&["tilejson.json", "legend.png", "point/1,2", "counts", "%FF"])),
        6 => format!("/layers/{name}/point/{a},{b}"),
        7 => format!("/colorMaps/{}", random.pick(&VALUES)),
        _ => {
            format!("/static/{}", random.pick(&["app.js", "../x", "%2e%2e/x", "%00", "", "vendor/leaflet/leaflet.css"]))
        }
    };
    for index in 0..random.below(5) {
        path.push(if index == 0 { '?' } else { '&' });
        write!(path, "{}={}", random.pick(&KEYS), random.pick(&VALUES)).unwrap();
    }
    path
}

/// A request, now and then with some of its bytes replaced.
fn garbled(random: &mut Random) -> Vec<u8> {
    let method = if random.chance(85) {
        "GET"
    } else {
        random.pick(&["HEAD", "POST", "OPTIONS", "get", "G\u{e4}T", "", "DELETE"])
    };
    let headers: &[(&str, &str)] = match random.below(8) {
        0 => &[("If-None-Match", "*")],
        1 => &[("If-None-Match", "W/\"\", \"\u{e9}\", ,,")],
        2 => &[("Accept-Encoding", "gzip;q=2, *;q=x"), ("Range", "bytes=5-1")],
        3 => &[("Host", ""), ("X-Forwarded-Proto", "\u{7f}")],
        4 => &[("Origin", "\"><script>"), ("Content-Length", "0")],
        _ => &[],
    };
    let mut bytes = request(method, &path(random), headers);
    // the line that ends the connection stays, or each of these tests would wait for a server that waits
    let first_line = bytes.iter().position(|byte| *byte == b'\r').unwrap();
    let close = first_line..first_line + "\r\nConnection: close\r\n".len();
    if random.chance(25) {
        for _ in 0..=random.below(4) {
            let at = random.below(bytes.len() - 4);
            if !close.contains(&at) {
                bytes[at] = random.next().to_le_bytes()[0];
            }
        }
    }
    bytes
}

#[test]
fn two_thousand_strange_requests_never_give_a_500_and_never_stop_it() {
    let layers = [
        layer("rgb", "rgb_smooth_3857.tif", ""),
        layer("palette", "palette.tif", ""),
        layer("dem", "nodata_nan_f32.tif", ""),
        layer("wide", "dtypes/uint64.tif", ""),
    ];
    let mut server = Server::of(&layers.concat());
    let mut random = Random(2);
    let (mut faults, mut good) = (Vec::new(), 0);
    for index in 0..2_000 {
        let bytes = garbled(&mut random);
        let mut stream = server.connect().unwrap_or_else(|error| panic!("request {index} finds nobody: {error}"));
        stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
        // it may have heard enough before the end
        let _ = stream.write_all(&bytes);
        let method = String::from_utf8_lossy(&bytes).split(' ').next().unwrap_or_default().to_owned();
        let shown = bytes.escape_ascii().to_string();
        match read_answer(&mut stream, &method) {
            Ok(answer) if answer.status >= 500 => faults.push(format!("{}: {shown}", answer.status)),
            Ok(answer) => good += usize::from(answer.status < 400),
            // what is no HTTP may be hung up on
            Err(fault) if !bytes.starts_with(b"GET /") || !shown.contains(" HTTP/1.1") => drop(fault),
            Err(fault) => faults.push(format!("{fault}: {shown}")),
        }
    }
    assert!(faults.is_empty(), "{} faults, such as\n{}", faults.len(), faults[..faults.len().min(10)].join("\n"));
    assert!(good > 200, "only {good} of them made sense");
    assert!(server.process.wait(Duration::ZERO).is_none(), "it has stopped");
    server.get("/tiles/rgb/11/1081/737.png").ok();
    assert!(!server.log().contains("panicked"), "{}", server.log());
}

#[test]
fn what_is_no_http_is_hung_up_on() {
    let server = Server::of(&layer("rgb", "rgb_smooth_3857.tif", ""));
    let mut random = Random(3);
    for length in [1, 7, 100, 5_000, 200_000] {
        let noise: Vec<u8> = (0..length).map(|_| random.next().to_le_bytes()[0]).collect();
        let mut stream = server.connect().unwrap();
        let _ = stream.write_all(&noise);
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
        server.get("/healthz").ok();
    }
}

#[test]
fn sixty_four_clients_at_once_get_what_one_gets() {
    let layers = [
        layer("rgb", "rgb_smooth_3857.tif", ""),
        layer("palette", "palette.tif", ""),
        layer("world", "lon_0_360.tif", ""),
    ];
    let server = Server::of(&layers.concat());
    let paths = [
        "/tiles/rgb/11/1081/737.png",
        "/tiles/rgb/12/2162/1474.npy?resampling=cubic",
        "/tiles/palette/11/1076/736@2x.png",
        "/tiles/world/0/0/0.npy",
        "/tiles/world/2/3/1.png?rescale=0,360&bidx=1&colormap_name=viridis",
        "/layers",
        "/layers/rgb/point/10.085,44.953",
        "/colorMaps/viridis?format=png",
        "/tiles/rgb/99/0/0",
    ];
    let alone = paths.map(|path| server.get(path));
    std::thread::scope(|scope| {
        for client in 0..64 {
            let (server, alone) = (&server, &alone);
            scope.spawn(move || {
                for turn in 0..2 * paths.len() {
                    let index = (client + turn) % paths.len();
                    let answer = server.get(paths[index]);
                    assert_eq!(
                        (answer.status, &answer.body),
                        (alone[index].status, &alone[index].body),
                        "{}",
                        paths[index]
                    );
                }
            });
        }
    });
}

#[test]
fn a_crowd_that_asks_for_too_much_gets_tiles_or_503s_and_leaves_no_backlog() {
    let mut command = cogwheel();
    command.args(["--port", "0"]).env("COGWHEEL_REQUEST_TIMEOUT_S", "1").env("COGWHEEL_THREADS", "1").current_dir(ROOT);
    let server = Server::run(Folder::new(), &mut command);
    let statuses = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for client in 0..40 {
            let (server, statuses) = (&server, &statuses);
            let path = format!(
                "/tiles/elevation/3/{}/{}@2x.png?tilesize=1024&resampling=mode",
                client % 8,
                2 + client / 8 % 4
            );
            scope.spawn(move || statuses.lock().unwrap().push(server.get(&path).status));
        }
    });
    let statuses = statuses.into_inner().unwrap();
    assert!(statuses.iter().all(|status| [200, 503].contains(status)), "{statuses:?}");
    // what was given up is not worked off before the next request
    let start = Instant::now();
    while server.get("/tiles/landcover/0/0/0.png").status != 200 {
        assert!(start.elapsed() < Duration::from_secs(5), "it still works on what nobody waits for");
    }
    assert!(!server.log().contains("panicked"), "{}", server.log());
}

/// A tile of a demo layer, anywhere inside its bounds, mostly of the usual size.
fn mixed_tile(random: &mut Random, layers: &[serde_json::Value]) -> String {
    let layer = &layers[random.below(layers.len())];
    let bounds: [f64; 4] = serde_json::from_value(layer["bounds"].clone()).unwrap();
    let zooms = ["minzoom", "maxzoom"].map(|key| layer[key].as_u64().unwrap() as usize);
    let zoom = (zooms[0] + random.below(zooms[1] - zooms[0] + 3)) as u32;
    let lat = random.between(bounds[1].max(-85.0), bounds[3].min(85.0));
    let (x, y) = tile(zoom, random.between(bounds[0], bounds[2]), lat);
    let end = random.pick(&["", ".png", ".png", ".png", "@2x.png", ".npy"]);
    let mut path = format!("/tiles/{}/{zoom}/{x}/{y}{end}?", layer["id"].as_str().unwrap());
    if random.chance(50) {
        let classes = layer["id"] == "landcover" && end != ".npy";
        let kernels = if classes {
            &["nearest", "mode"][..]
        } else {
            &["nearest", "bilinear", "cubic", "lanczos", "average", "mode"]
        };
        write!(path, "resampling={}&", random.pick(kernels)).unwrap();
    }
    if random.chance(20) {
        write!(path, "tilesize={}", random.pick(&["64", "128", "512", "512", "1024"])).unwrap();
    }
    path
}

#[test]
#[cfg(target_os = "linux")]
fn two_thousand_mixed_tiles_for_eight_clients_fit_into_200_mb() {
    let server = Server::demo();
    let body = server.get("/layers").ok().json();
    let layers = body["layers"].as_array().unwrap();
    let mut random = Random(1);
    let paths: Vec<String> = (0..2_000).map(|_| mixed_tile(&mut random, layers)).collect();
    let (next, faults) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let answer = server.get(path);
                    if answer.status != 200 {
                        faults.lock().unwrap().push(format!("{} {path}", answer.status));
                    }
                }
            });
        }
    });
    let faults = faults.into_inner().unwrap();
    assert!(
        faults.is_empty(),
        "{} of 2,000 tiles failed, such as\n{}",
        faults.len(),
        faults[..faults.len().min(8)].join("\n")
    );
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.process.0.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak_mb = peak.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024;
    assert!(peak_mb < MEMORY_LIMIT_MB, "its peak is {peak_mb} MB of at most {MEMORY_LIMIT_MB}\n{status}");
}
