//! The allow-list under attack: sources, VRTs, redirects and names that lead out of it. Nothing of it is opened, and
//! nobody is connected to: a listener counts.

mod network;
mod vrts;

use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::Duration;

use rstest::rstest;

use crate::support::geo::ALIGNED;
use crate::support::made::Folder;
use crate::support::web::Listener;
use crate::support::{Answer, Maps, Setup, fixtures};

/// Must come back to nobody, and not get into the log.
const SECRET: &str = "hush-hush";

// What a refusal says of the rule behind it.
const NOT_LISTED: &str = "storage.allow does not cover it";
const PLAIN_HTTP: &str = "http:// without TLS is refused";
const PRIVATE: &str = "a private, loopback or link-local address";
const REDIRECT: &str = "it redirects to a location that storage.allow does not cover";
const UNSUPPORTED: &str = "is not supported";
const MALFORMED: &str = "it is no location";
const CREDENTIALS: &str = "it holds a user name";
const LEAVES: &str = "it leaves its bucket";
const NO_FILE: &str = "it is no regular file";

/// A tree with a part that may be opened and a part that may not, and a port to which nobody may connect.
///
/// Below `maps`, `open` has a raster of tens and doors to the outside, `closed` and `open-evil` have one of thirties.
struct Ground {
    root: Folder,
    listener: Listener,
}

impl Ground {
    fn new() -> Self {
        let ground = Self { root: Folder::new(), listener: Listener::start() };
        for (folder, raster) in [("open", "ten.tif"), ("closed", "thirty.tif"), ("open-evil", "thirty.tif")] {
            std::fs::create_dir_all(ground.path(folder)).unwrap();
            std::fs::copy(fixtures().join("vrt").join(raster), ground.path(&format!("{folder}/{raster}"))).unwrap();
        }
        for (link, to) in [
            ("link.tif", "{closed}/thirty.tif"),
            ("door", "{closed}"),
            // GDAL follows a link to a name of its own
            ("curl.tif", "/vsicurl/http://127.0.0.1:{port}/x.tif"),
        ] {
            symlink(ground.fill(to), ground.path(&format!("open/{link}"))).unwrap();
        }
        for pipe in ["open/pipe", "closed/pipe"] {
            assert!(Command::new("mkfifo").arg(ground.path(pipe)).status().unwrap().success());
        }
        ground
    }

    /// A path below `maps`.
    fn path(&self, name: &str) -> String {
        self.root.path(&format!("maps/{name}"))
    }

    fn port(&self) -> u16 {
        self.listener.addresses()[0].port()
    }

    /// A text with what only this ground knows.
    fn fill(&self, text: &str) -> String {
        text.replace("{open}", &self.path("open"))
            .replace("{closed}", &self.path("closed"))
            .replace("{port}", &self.port().to_string())
            .replace("{secret}", SECRET)
    }

    /// One layer, `it`. Without a list it has a neighbour, so that the tests' own list stays away.
    fn maps(&self, allow: Option<&str>, source: &str) -> Maps {
        let storage = match allow {
            Some(allow) => self.fill(&format!("[storage]\nallow = {allow}\n")),
            None => "[layers.elsewhere]\nsource = 'file:///elsewhere/x.tif'\n".to_owned(),
        };
        // a text of JSON is one of TOML
        let source = serde_json::to_string(&self.fill(source)).unwrap();
        self.setup().maps(&format!("{storage}[layers.it]\nsource = {source}\n"))
    }

    /// Whatever would go to S3 goes to the listener, and nobody waits for it for long.
    fn setup(&self) -> Setup {
        let endpoint = self.fill("http://127.0.0.1:{port}");
        let environment = [
            ("AWS_ENDPOINT_URL", endpoint.as_str()),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_SKIP_SIGNATURE", "true"),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Setup { environment, timeout: Duration::from_secs(5), ..Setup::default() }
    }

    fn assert_quiet(&self) {
        assert_eq!(self.listener.connections(), 0, "somebody connected");
    }
}

/// A 403 that names the rule, not the place.
fn assert_refused(answer: &Answer, rule: &str) {
    let body = String::from_utf8_lossy(&answer.body);
    assert_eq!(answer.status, 403, "{}", body.chars().take(300).collect::<String>());
    assert!(body.contains("\"code\":\"source_refused\""), "{body}");
    assert_eq!(answer.header("cache-control"), "no-store");
    assert!(answer.detail().contains(rule), "{}", answer.detail());
    for place in [SECRET, "127.0.0.1", "cogwheel-test-", "closed"] {
        assert!(!body.contains(place), "{place} leaks: {body}");
    }
}

/// Asks for everything that opens the layer.
fn assert_all_refused(ground: &Ground, maps: &Maps, rule: &str) {
    for path in [format!("/tiles/it/{ALIGNED}.png"), "/layers/it".to_owned()] {
        assert_refused(&maps.get(&path), rule);
    }
    let listed = String::from_utf8(maps.get("/layers").ok().to_vec()).unwrap();
    assert!(listed.contains(rule) && !listed.contains(SECRET), "{listed}");
    ground.assert_quiet();
}

/// A folder, a prefix of a bucket, and one of a web server.
const LIST: &str = "['{open}', 's3://maps/public/', 'https://files.example/public/']";

#[rstest]
// this machine, in every spelling
#[case("http://127.0.0.1:{port}/x.tif", NOT_LISTED)]
#[case("https://127.0.0.1:{port}/x.tif", NOT_LISTED)]
#[case("https://127.0.0.1:{port}/x.tif?sig={secret}", NOT_LISTED)]
#[case("http://localhost:{port}/x.tif", NOT_LISTED)]
#[case("HTTPS://LocalHost:{port}/x.tif", NOT_LISTED)]
#[case("hTTp://localhost.:{port}/x.tif", NOT_LISTED)]
#[case("http://127.0.0.1.:{port}/x.tif", NOT_LISTED)]
#[case("http://127.1:{port}/x.tif", NOT_LISTED)]
#[case("http://2130706433:{port}/x.tif", NOT_LISTED)]
#[case("http://0177.0.0.1:{port}/x.tif", NOT_LISTED)]
#[case("http://0x7f.0x0.0x0.0x1:{port}/x.tif", NOT_LISTED)]
#[case("http://0x7f000001:{port}/x.tif", NOT_LISTED)]
#[case("http://0:{port}/x.tif", NOT_LISTED)]
#[case("http://%31%32%37.0.0.1:{port}/x.tif", NOT_LISTED)]
#[case("http://127。0。0。1:{port}/x.tif", NOT_LISTED)]
#[case("http://①②⑦.0.0.1:{port}/x.tif", NOT_LISTED)]
#[case("http://ⓛocalhost:{port}/x.tif", NOT_LISTED)]
#[case("http://[::1]:{port}/x.tif", NOT_LISTED)]
#[case("http://[0:0:0:0:0:0:0:1]:{port}/x.tif", NOT_LISTED)]
#[case("http://[::ffff:127.0.0.1]:{port}/x.tif", NOT_LISTED)]
#[case("http://[::127.0.0.1]:{port}/x.tif", NOT_LISTED)]
#[case("http://[64:ff9b::7f00:1]:{port}/x.tif", NOT_LISTED)]
#[case("https://127.0.0.1.nip.io:{port}/x.tif", NOT_LISTED)]
#[case("https://[::1%25lo]:{port}/x.tif", MALFORMED)]
#[case("https://127.0.0.1.1.1:{port}/x.tif", MALFORMED)]
// the metadata services of clouds
#[case("http://169.254.169.254/latest/meta-data/iam/security-credentials/role", NOT_LISTED)]
#[case("http://2852039166/latest/user-data", NOT_LISTED)]
#[case("http://0251.0376.0251.0376/latest/user-data", NOT_LISTED)]
#[case("http://0xa9fea9fe/latest/user-data", NOT_LISTED)]
#[case("http://[::ffff:a9fe:a9fe]/latest/user-data", NOT_LISTED)]
#[case("http://[64:ff9b::169.254.169.254]/latest/user-data", NOT_LISTED)]
#[case("http://[fd00:ec2::254]/latest/user-data", NOT_LISTED)]
#[case("http://metadata.google.internal/computeMetadata/v1/project/project-id", NOT_LISTED)]
#[case("http://100.100.100.200/latest/user-data", NOT_LISTED)]
// other ideas of what the host is
#[case("https://user:{secret}@127.0.0.1:{port}/x.tif", CREDENTIALS)]
#[case("https://files.example@127.0.0.1:{port}/public/x.tif", CREDENTIALS)]
#[case("https://files.example:{secret}@127.0.0.1:{port}/public/x.tif?sig={secret}", CREDENTIALS)]
#[case("https://:{secret}@files.example/public/x.tif", CREDENTIALS)]
#[case("https://127.0.0.1:{port}\\@files.example/public/x.tif", MALFORMED)]
#[case("https://files.example\\.evil.example/public/x.tif", MALFORMED)]
#[case("https:\\\\127.0.0.1:{port}\\x.tif", NOT_LISTED)]
#[case("https:/127.0.0.1:{port}/x.tif", NOT_LISTED)]
#[case("https:127.0.0.1:{port}/x.tif", NOT_LISTED)]
#[case("//127.0.0.1:{port}/x.tif", NOT_LISTED)]
#[case(" http://127.0.0.1:{port}/x.tif", NOT_LISTED)]
#[case("https:///127.0.0.1:{port}/x.tif", NOT_LISTED)]
#[case("ht\ntp://127.0.0.1:{port}/x.tif", MALFORMED)]
#[case("https://127.0.0.1:{port}/\tx.tif", MALFORMED)]
#[case("https://files.example%2fpublic/x.tif", MALFORMED)]
#[case("https://files.example%00.evil.example/public/x.tif", MALFORMED)]
// nearly what is listed
#[case("https://127.0.0.1:{port}/x.tif?https://files.example/public/", NOT_LISTED)]
#[case("https://127.0.0.1:{port}/x.tif#https://files.example/public/x.tif", NOT_LISTED)]
#[case("https://127.0.0.1:{port}/https://files.example/public/x.tif", MALFORMED)]
#[case("https://files.example.evil.example/public/x.tif", NOT_LISTED)]
#[case("https://evil-files.example/public/x.tif", NOT_LISTED)]
#[case("https://files.example:8443/public/x.tif", NOT_LISTED)]
#[case("https://files.example./public/x.tif", NOT_LISTED)]
#[case("http://files.example/public/x.tif", NOT_LISTED)]
#[case("https://files.example/publicity/x.tif", NOT_LISTED)]
#[case("https://files.example/Public/x.tif", NOT_LISTED)]
#[case("https://files.example/public/../closed/x.tif", NOT_LISTED)]
#[case("https://files.example/public/%2e%2e/closed/x.tif", NOT_LISTED)]
#[case("https://files.example/public/.%2E%2fclosed/x.tif", NOT_LISTED)]
#[case("https://files.example/public/..%5c..%5cclosed/x.tif", MALFORMED)]
#[case("https://files.example/public/%00/x.tif", MALFORMED)]
#[case("s3://maps/closed/x.tif", NOT_LISTED)]
#[case("S3://maps/closed/x.tif", NOT_LISTED)]
#[case("s3://maps/publicity/x.tif", NOT_LISTED)]
#[case("s3://maps/public/../closed/x.tif", NOT_LISTED)]
#[case("s3://maps/public/../../other/x.tif", LEAVES)]
#[case("s3://maps-evil/public/x.tif", NOT_LISTED)]
#[case("s3://MAPS/public/x.tif", NOT_LISTED)]
#[case("s3://maps/%70ublic/x.tif", NOT_LISTED)]
#[case("s3://maps//public/x.tif", MALFORMED)]
#[case("s3://key:{secret}@maps/public/x.tif", MALFORMED)]
#[case("s3://127.0.0.1:{port}/public/x.tif", MALFORMED)]
#[case("s3://../public/x.tif", MALFORMED)]
#[case("gs://maps/public/x.tif", NOT_LISTED)]
#[case("az://maps/public/x.tif", NOT_LISTED)]
// files
#[case("/etc/passwd", NOT_LISTED)]
#[case("/proc/self/environ", NOT_LISTED)]
#[case("/proc/self/fd/0", NOT_LISTED)]
#[case("/dev/zero", NOT_LISTED)]
#[case("/dev/stdin", NOT_LISTED)]
#[case("{closed}/thirty.tif", NOT_LISTED)]
#[case("{open}/../closed/thirty.tif", NOT_LISTED)]
#[case("{open}/./x/../../closed/thirty.tif", NOT_LISTED)]
#[case("{open}-evil/thirty.tif", NOT_LISTED)]
#[case("{open}/link.tif", NOT_LISTED)]
#[case("{open}/door/thirty.tif", NOT_LISTED)]
#[case("{open}/curl.tif", NOT_LISTED)]
#[case("{open}/pipe", NO_FILE)]
#[case("file://{closed}/thirty.tif", NOT_LISTED)]
#[case("FILE://{closed}/thirty.tif", NOT_LISTED)]
#[case("file:{closed}/thirty.tif", NOT_LISTED)]
#[case("file://localhost{closed}/thirty.tif", NOT_LISTED)]
// other schemes
#[case("ftp://127.0.0.1:{port}/x.tif", UNSUPPORTED)]
#[case("gopher://127.0.0.1:{port}/x.tif", UNSUPPORTED)]
#[case("dict://127.0.0.1:{port}/x", UNSUPPORTED)]
#[case("ldap://127.0.0.1:{port}/x", UNSUPPORTED)]
#[case("smb://127.0.0.1:{port}/x/x.tif", UNSUPPORTED)]
#[case("data:image/tiff;base64,SUkqAAgAAAA=", NOT_LISTED)]
#[case("jar:http://127.0.0.1:{port}/x.jar!/x.tif", NOT_LISTED)]
#[case("vrt://{closed}/thirty.tif?bands=1", UNSUPPORTED)]
#[case("vrt://https://user:{secret}@127.0.0.1:{port}/x.tif", UNSUPPORTED)]
// what GDAL calls a file
#[case("/vsis3/maps/closed/x.tif", NOT_LISTED)]
#[case("/vsis3/maps/public/../closed/x.tif", NOT_LISTED)]
#[case("/vsis3//maps/public/x.tif", MALFORMED)]
#[case("/VSIS3/maps/public/x.tif", NOT_LISTED)]
#[case("/vsis3_streaming/maps/public/x.tif", UNSUPPORTED)]
#[case("/vsicurl/http://127.0.0.1:{port}/x.tif", NOT_LISTED)]
#[case("/vsicurl/ftp://127.0.0.1:{port}/x.tif", UNSUPPORTED)]
#[case("/vsicurl/file://{closed}/thirty.tif", UNSUPPORTED)]
#[case("/vsicurl/{closed}/thirty.tif", UNSUPPORTED)]
#[case("/vsicurl_streaming/http://127.0.0.1:{port}/x.tif", UNSUPPORTED)]
#[case("/vsicurl?url=http%3A%2F%2F127.0.0.1%3A{port}%2Fx.tif&header=X:{secret}", UNSUPPORTED)]
#[case("/vsizip//vsis3/maps/public/x.zip/x.tif", UNSUPPORTED)]
#[case("/vsizip/{/vsicurl/http://127.0.0.1:{port}/x.zip}/x.tif", UNSUPPORTED)]
#[case("/vsitar//vsicurl/http://127.0.0.1:{port}/x.tar/x.tif", UNSUPPORTED)]
#[case("/vsigzip//vsicurl/http://127.0.0.1:{port}/x.gz", UNSUPPORTED)]
#[case("/vsi7z/{closed}/x.7z/x.tif", UNSUPPORTED)]
#[case("/vsirar/{closed}/x.rar/x.tif", UNSUPPORTED)]
#[case("/vsisubfile/0_1000000,{closed}/thirty.tif", UNSUPPORTED)]
#[case("/vsicrypt/key={secret},file={closed}/thirty.tif", UNSUPPORTED)]
#[case("/vsisparse/{closed}/x.xml", UNSUPPORTED)]
#[case("/vsicached?file={closed}/thirty.tif", UNSUPPORTED)]
#[case("/vsiwebhdfs/http://127.0.0.1:{port}/webhdfs/v1/x.tif", UNSUPPORTED)]
#[case("/vsihdfs/hdfs:/127.0.0.1:{port}/x.tif", UNSUPPORTED)]
#[case("/vsioss/maps/public/x.tif", UNSUPPORTED)]
#[case("/vsimem/x.tif", UNSUPPORTED)]
#[case("/vsistdin/", UNSUPPORTED)]
#[case("/vsistdin?buffer_limit=1GB", UNSUPPORTED)]
#[case("\\vsimem\\x.tif", NOT_LISTED)]
#[case("GTIFF_DIR:1:{closed}/thirty.tif", NOT_LISTED)]
#[case("MEM:::DATAPOINTER=4096,PIXELS=1,LINES=1", NOT_LISTED)]
#[case("DERIVED_SUBDATASET:AMPLITUDE:{closed}/thirty.tif", NOT_LISTED)]
#[case("NETCDF:http://127.0.0.1:{port}/x.nc:v", NOT_LISTED)]
#[case("WMS:http://127.0.0.1:{port}/?SERVICE=WMS", NOT_LISTED)]
#[case("<VRTDataset><A>http://127.0.0.1:{port}/x.tif</A></VRTDataset>", UNSUPPORTED)]
fn a_source_that_the_list_does_not_cover_is_refused(#[case] source: &str, #[case] rule: &str) {
    let ground = Ground::new();
    assert_all_refused(&ground, &ground.maps(Some(LIST), source), rule);
}

#[rstest]
#[case("127.0.0.1")]
#[case("127.255.255.254")]
#[case("127.1")]
#[case("2130706433")]
#[case("0x7f000001")]
#[case("017700000001")]
#[case("0")]
#[case("127.0.0.1.")]
#[case("127。0。0。1")]
#[case("10.0.0.1")]
#[case("172.16.0.1")]
#[case("192.168.0.1")]
#[case("169.254.169.254")]
#[case("2852039166")]
#[case("100.100.100.200")]
#[case("192.0.0.192")]
#[case("198.18.0.1")]
#[case("224.0.0.1")]
#[case("255.255.255.255")]
#[case("[::]")]
#[case("[::1]")]
#[case("[::127.0.0.1]")]
#[case("[::ffff:127.0.0.1]")]
#[case("[::ffff:a9fe:a9fe]")]
#[case("[::ffff:0:7f00:1]")]
#[case("[64:ff9b::127.0.0.1]")]
#[case("[64:ff9b:1::a9fe:a9fe]")]
#[case("[2002:7f00:1::1]")]
#[case("[2001:0:7f00:1::]")]
#[case("[fe80::1]")]
#[case("[fec0::1]")]
#[case("[fd00:ec2::254]")]
#[case("[ff02::1]")]
fn an_address_that_is_not_public_is_refused_where_any_host_may_be_opened(
    #[case] host: &str, #[values(Some("['https://']"), None)] allow: Option<&str>,
) {
    let ground = Ground::new();
    let source = format!("https://{host}:{{port}}/x.tif?sig={{secret}}");
    assert_all_refused(&ground, &ground.maps(allow, &source), PRIVATE);
}

#[rstest]
#[case("http://127.0.0.1:{port}/x.tif", PLAIN_HTTP)]
#[case("http://files.example/x.tif?sig={secret}", PLAIN_HTTP)]
#[case("/vsicurl/http://127.0.0.1:{port}/x.tif", PLAIN_HTTP)]
#[case("https://user:{secret}@files.example/x.tif", CREDENTIALS)]
#[case("ftp://127.0.0.1:{port}/x.tif", UNSUPPORTED)]
#[case("vrt://{closed}/thirty.tif", UNSUPPORTED)]
#[case("/vsizip//vsis3/maps/x.zip/x.tif", UNSUPPORTED)]
#[case("/vsicurl_streaming/http://127.0.0.1:{port}/x.tif", UNSUPPORTED)]
#[case("/vsisubfile/0_1000000,{closed}/thirty.tif", UNSUPPORTED)]
#[case("/vsimem/x.tif", UNSUPPORTED)]
#[case("<VRTDataset><A>http://127.0.0.1:{port}/x.tif</A></VRTDataset>", UNSUPPORTED)]
#[case("{open}/pipe", NO_FILE)]
#[case("/dev/zero", NO_FILE)]
#[case("{open}/curl.tif", NOT_LISTED)]
fn what_no_list_can_allow_is_refused_without_one(#[case] source: &str, #[case] rule: &str) {
    let ground = Ground::new();
    assert_all_refused(&ground, &ground.maps(None, source), rule);
}

#[test]
fn what_the_list_covers_is_open() {
    let ground = Ground::new();
    for source in ["{open}/ten.tif", "file://{open}/ten.tif", "{open}/x/../ten.tif", "{open}-evil/../open/ten.tif"] {
        let maps = ground.maps(Some(LIST), source);
        assert_eq!(maps.npy(ALIGNED, "resampling=nearest").valid(0)[0], 10.0, "{source}");
    }
}

#[test]
fn without_a_list_a_link_is_followed_where_the_operator_names_it() {
    let ground = Ground::new();
    let maps = ground.maps(None, "{open}/link.tif");
    assert_eq!(maps.npy(ALIGNED, "resampling=nearest").valid(0)[0], 30.0);
}
