//! What happens on the way to a web server: names, redirects, proxies; and what is written about it.

use rstest::rstest;

use super::{CREDENTIALS, Ground, NOT_LISTED, PRIVATE, REDIRECT, SECRET, assert_all_refused, assert_refused};
use crate::server::Server;
use crate::support::fixtures;
use crate::support::geo::ALIGNED;
use crate::support::web::{Fault, Web};

/// The redirecting file.
const GO: &str = "/open/go.tif";

/// A web server over the ground, one file of which redirects.
struct Signpost {
    ground: Ground,
    web: Web,
}

impl Signpost {
    fn to(place: &str) -> Self {
        let ground = Ground::new();
        let web = Web::start(ground.path(""));
        let signpost = Self { ground, web };
        let place = signpost.fill(place);
        let redirect = move |path: &str| (path == GO).then(|| Fault::Redirect(place.clone()));
        signpost.web.misbehave(move |seen, _| redirect(&seen.path).unwrap_or(Fault::None));
        signpost
    }

    fn fill(&self, text: &str) -> String {
        self.ground.fill(text).replace("{web}", &self.web.address().port().to_string())
    }

    fn allow(&self) -> String {
        self.fill("['http://127.0.0.1:{web}/open/', '{open}']")
    }

    fn source(&self) -> String {
        self.web.url(&format!("{GO}?sig={SECRET}"))
    }
}

#[rstest]
#[case::another_port("http://127.0.0.1:{port}/open/x.tif")]
#[case::another_name("http://localhost:{web}/open/ten.tif")]
#[case::another_name_and_port("http://localhost:{port}/open/x.tif")]
#[case::another_spelling_of_another_port("http://2130706433:{port}/open/x.tif")]
#[case::the_other_loopback("http://[::1]:{port}/open/x.tif")]
#[case::tls_on_another_port("https://127.0.0.1:{port}/open/x.tif")]
#[case::no_scheme("//127.0.0.1:{port}/open/x.tif")]
#[case::metadata("http://169.254.169.254/latest/meta-data/")]
#[case::another_folder("/closed/thirty.tif")]
#[case::up("../closed/thirty.tif")]
#[case::up_by_other_letters("/open/%2e%2e/closed/thirty.tif")]
#[case::the_top("/")]
#[case::credentials("http://user:hush-hush@127.0.0.1:{web}/open/ten.tif")]
#[case::a_file("file://{closed}/thirty.tif")]
#[case::an_allowed_file("file://{open}/ten.tif")]
#[case::ftp("ftp://127.0.0.1:{port}/x.tif")]
#[case::data("data:image/tiff;base64,SUkqAAgAAAA=")]
#[case::itself("/open/go.tif")]
fn a_redirect_off_the_list_is_not_followed(#[case] to: &str) {
    let signpost = Signpost::to(to);
    let Signpost { ground, web } = &signpost;
    assert_all_refused(ground, &ground.maps(Some(&signpost.allow()), &signpost.source()), REDIRECT);
    assert!(web.requests().iter().all(|seen| seen.path == GO), "{:?}", web.requests());
}

#[test]
fn a_source_of_a_vrt_is_not_redirected_off_the_list() {
    let signpost = Signpost::to("http://127.0.0.1:{port}/x.tif");
    let Signpost { ground, web } = &signpost;
    let source = format!("/vsicurl/{}", web.url(GO));
    let vrt = ground.root.write("maps/open/far.vrt", &super::vrts::over(&source));
    assert_refused(&ground.maps(Some(&signpost.allow()), &vrt).get(&format!("/tiles/it/{ALIGNED}.png")), REDIRECT);
    assert!(web.requests().iter().any(|seen| seen.path == GO));
    ground.assert_quiet();
}

#[rstest]
#[case::in_the_folder("/open/ten.tif")]
#[case::beside_it("ten.tif")]
#[case::the_whole_address("http://127.0.0.1:{web}/open/ten.tif?sig=other")]
fn a_redirect_inside_the_list_is_followed(#[case] to: &str) {
    let signpost = Signpost::to(to);
    let maps = signpost.ground.maps(Some(&signpost.allow()), &signpost.source());
    assert_eq!(maps.npy(ALIGNED, "resampling=nearest").valid(0)[0], 10.0);
}

#[test]
fn a_redirect_tells_nobody_the_query_of_where_it_came_from() {
    let other = Web::start(fixtures().join("vrt"));
    let signpost = Signpost::to(&other.url("ten.tif"));
    let allow = format!("['http://127.0.0.1:{}/', 'http://{}/']", signpost.web.address().port(), other.address());
    let maps = signpost.ground.maps(Some(&allow), &signpost.source());
    assert_eq!(maps.npy(ALIGNED, "resampling=nearest").valid(0)[0], 10.0);
    let requests = other.requests();
    assert!(!requests.is_empty());
    for seen in requests {
        assert!(!format!("{seen:?}").contains(SECRET), "{seen:?}");
    }
}

#[rstest]
fn a_name_with_a_private_address_is_refused_where_any_host_may_be_opened(
    #[values("localhost", "LocalHost", "%6cocalhost")] host: &str,
    #[values(Some("['https://']"), None)] allow: Option<&str>,
) {
    let ground = Ground::new();
    let source = format!("https://{host}:{{port}}/x.tif?sig={{secret}}");
    assert_all_refused(&ground, &ground.maps(allow, &source), PRIVATE);
}

#[rstest]
fn a_private_host_is_open_under_the_name_that_is_listed(#[values("127.0.0.1", "localhost")] host: &str) {
    let (ground, web) = (Ground::new(), Web::start(fixtures().join("vrt")));
    let root = format!("http://{host}:{}", web.address().port());
    let maps = ground.maps(Some(&format!("['{root}/']")), &format!("{root}/ten.tif"));
    assert_eq!(maps.npy(ALIGNED, "resampling=nearest").valid(0)[0], 10.0);
    let other = if host == "localhost" { "127.0.0.1" } else { "localhost" };
    let source = format!("http://{other}:{}/ten.tif", web.address().port());
    web.forget();
    assert_all_refused(&ground, &ground.maps(Some(&format!("['{root}/']")), &source), NOT_LISTED);
    assert_eq!(web.connections(), 0);
}

#[rstest]
#[case("https://127.0.0.1:{port}/x.tif")]
#[case("https://127.0.0.1:{port}/maps/x.tif")]
#[case("https://localhost:{port}/x.tif")]
fn a_private_host_is_listed_with_its_port_and_not_for_every_other(#[case] source: &str) {
    let ground = Ground::new();
    let allow = "['https://', 'http://127.0.0.1:9/maps/', 'http://localhost:9/maps/', 'https://localhost:9/maps/']";
    assert_all_refused(&ground, &ground.maps(Some(allow), source), PRIVATE);
}

#[test]
fn credentials_in_an_entry_are_a_mistake_and_not_shown() {
    let text = format!(
        "[storage]\nallow = ['https://user:{SECRET}@files.example/']\n\
         [layers.it]\nsource = 'https://files.example/x.tif'"
    );
    let mistake = cogwheel::config::LayersFile::parse(&text, "test.toml", "/maps").unwrap_err().to_string();
    assert!(mistake.contains("storage.allow[0]") && mistake.contains(CREDENTIALS), "{mistake}");
    assert!(!mistake.contains(SECRET), "{mistake}");
}

/// The real binary: it has a log, and an environment.
fn serve(toml: &str, environment: &[(&str, &str)]) -> Server {
    Server::with(toml, &[environment, &[("COGWHEEL_REQUEST_TIMEOUT_S", "3")]].concat())
}

#[rstest]
#[case("https://localhost:6443/x.tif")]
#[case("https://127.0.0.1:6443/x.tif")]
fn a_proxy_of_the_environment_is_no_way_around_the_addresses(#[case] source: &str) {
    let ground = Ground::new();
    let proxy = ground.fill("http://127.0.0.1:{port}");
    let environment = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"];
    let environment = environment.map(|name| (name, proxy.as_str()));
    let toml = format!("[storage]\nallow = ['https://']\n[layers.it]\nsource = '{source}'\n");
    let answer = serve(&toml, &environment).get(&format!("/tiles/it/{ALIGNED}.png"));
    ground.assert_quiet();
    assert_eq!(answer.status, 403, "{}", answer.excerpt());
}

#[rstest]
#[case::not_listed("https://files.example/x.tif?sig={secret}", 403)]
#[case::a_user("https://user:{secret}@127.0.0.1:{web}/x.tif?sig={secret}", 403)]
#[case::a_user_further_in("vrt://https://user:{secret}@files.example/x.tif", 403)]
#[case::a_user_and_a_slash("https://user:x/{secret}@files.example/x.tif", 403)]
#[case::a_slip("https:/user:{secret}@files.example/x.tif?sig={secret}", 403)]
#[case::a_blank(" https://files.example/x.tif?sig={secret}", 403)]
#[case::gdals_name("/vsicurl/https://files.example/x.tif?sig={secret}", 403)]
#[case::absent("http://127.0.0.1:{web}/absent.tif?sig={secret}", 502)]
#[case::no_raster("http://127.0.0.1:{web}/not_a_raster.txt?sig={secret}", 502)]
#[case::a_broken_header("http://127.0.0.1:{web}/broken_header.tif?sig={secret}", 502)]
#[case::a_broken_block("http://127.0.0.1:{web}/broken_block.tif?sig={secret}", 502)]
#[case::nobody_there("http://127.0.0.1:1/x.tif?sig={secret}", 503)]
fn no_secret_is_told_to_anybody_nor_written_into_the_log(#[case] source: &str, #[case] status: u16) {
    let (ground, web) = (Ground::new(), Web::start(fixtures()));
    let source = ground.fill(source).replace("{web}", &web.address().port().to_string());
    let toml = format!(
        "[storage]\nallow = ['http://127.0.0.1:{}/', 'http://127.0.0.1:1/']\n[layers.it]\nsource = '{source}'\n",
        web.address().port()
    );
    let server = serve(&toml, &[]);
    for path in ["/tiles/it/10/540/360.png", "/layers"] {
        assert!(!server.get(path).text().contains(SECRET), "{path}");
    }
    assert_eq!(server.get("/tiles/it/10/540/360.png").status, status);
    let log = server.log();
    assert!(log.contains("ERROR"), "something is said about it: {log}");
    assert!(!log.contains(SECRET), "{log}");
}
