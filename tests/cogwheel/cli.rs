//! The `cogwheel` command: what it writes where, and what it says when it cannot.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use rstest::rstest;
use serde_json::Value;

use crate::server::{Folder, Process, ROOT, Server, cogwheel, layer};
use crate::support::{Array, Picture, fixtures};

fn layers() -> String {
    [
        layer("rgb", "rgb_smooth_3857.tif", "title = 'Smooth'"),
        layer("dem", "nodata_f32_tolerance.tif", ""),
        layer("block", "broken_block.tif", ""),
    ]
    .concat()
}

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("cogwheel.toml", layers());
    folder
}

fn run(folder: &Path, args: &[&str]) -> Output {
    cogwheel().current_dir(folder).args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Nothing on standard output, a message without a backtrace on standard error.
fn assert_fails(output: &Output, code: i32, messages: &[&str]) {
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{stdout}{stderr}");
    assert!(stdout.is_empty(), "{stdout}");
    assert!(!stderr.contains("panicked") && !stderr.contains("Error {"), "{stderr}");
    for message in messages {
        assert!(stderr.contains(message), "\"{message}\" is not in: {stderr}");
    }
}

#[rstest]
#[case(&["--help"], &["serve", "tile", "info", "layers", "--config", "--port", "COGWHEEL_PORT", "cogwheel.toml"])]
#[case(&["-h"], &["serve", "tile", "info", "layers"])]
#[case(&["help"], &["serve", "tile", "info", "layers"])]
#[case(&["serve", "--help"], &["--host", "--port", "--config", "COGWHEEL_HOST", "127.0.0.1", "8080", "COGWHEEL_CORS_ORIGINS", "COGWHEEL_REQUEST_TIMEOUT_S", "COGWHEEL_EMPTY_TILE", "COGWHEEL_BLOCK_CACHE_MB"])]
#[case(&["tile", "--help"], &["<LAYER>", "<Z>", "<X>", "<Y>", "--output", "--bidx", "--rescale", "--colormap-name", "--resampling", "--nodata", "--tilesize", "--return-mask", "--config"])]
#[case(&["info", "--help"], &["<TARGET>", "--json", "--config"])]
#[case(&["layers", "--help"], &["--json", "--config"])]
#[case(&["help", "tile"], &["--output"])]
fn help_names_every_option(#[case] args: &[&str], #[case] words: &[&str]) {
    let output = run(Folder::new().path(), args);
    let help = text(&output.stdout);
    assert!(output.status.success() && output.stderr.is_empty());
    for word in words {
        assert!(help.contains(word), "{word} is not in: {help}");
    }
}

#[test]
fn the_version_is_the_packages() {
    let output = run(Folder::new().path(), &["--version"]);
    assert_eq!(text(&output.stdout), format!("cogwheel {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn tile_writes_what_the_server_answers() {
    let server = Server::of(&layers());
    let options = [
        "--rescale",
        "0,200",
        "--bidx",
        "1",
        "--colormap-name",
        "viridis",
        "--resampling",
        "cubic",
        "--nodata",
        "-1",
        "--tilesize",
        "128",
    ];
    let query = "rescale=0,200&bidx=1&colormap_name=viridis&resampling=cubic&nodata=-1&tilesize=128";
    for (file, options, path) in [
        ("a.png", &[][..], "/tiles/rgb/11/1081/737.png"),
        ("a.npy", &[][..], "/tiles/rgb/11/1081/737.npy"),
        ("b.png", &options[..], &format!("/tiles/rgb/11/1081/737.png?{query}")),
        (
            "c.png",
            &["--return-mask", "false", "--colormap", "{\"120\":\"#f00\"}", "--bidx", "2"][..],
            "/tiles/rgb/11/1081/737?return_mask=false&colormap={%22120%22:%22%23f00%22}&bidx=2",
        ),
    ] {
        let output = run(server.folder.path(), &[&["tile", "rgb", "11", "1081", "737", "-o", file], options].concat());
        assert!(output.status.success(), "{}", text(&output.stderr));
        let written = std::fs::read(server.folder.path().join(file)).unwrap();
        assert_eq!(written, server.get(path).ok().body, "{file}");
        assert!(text(&output.stdout).starts_with(&format!("{file}: {} bytes", written.len())));
    }
    assert_eq!(Picture::parse(&std::fs::read(server.folder.path().join("b.png")).unwrap()).width, 128);
    assert_eq!(Array::parse(&std::fs::read(server.folder.path().join("a.npy")).unwrap()).bands, 4);
}

#[test]
fn tile_says_when_there_is_no_data() {
    let folder = folder();
    let output = run(folder.path(), &["tile", "rgb", "8", "3", "200", "-o", "none.png"]);
    assert!(output.status.success() && text(&output.stdout).contains("no data"));
    assert!(Picture::parse(&std::fs::read(folder.path().join("none.png")).unwrap()).is_transparent());
}

#[rstest]
#[case("nope 11 1081 737 -o t.png", &["nope", "cogwheel layers"])]
#[case("rgb 999 0 0 -o t.png", &["z=999", "30"])]
#[case("rgb 3 8 0 -o t.png", &["x=8", "from 0 to 7"])]
#[case("rgb 3 0 8 -o t.png", &["y=8"])]
#[case("rgb 3 -1 0 -o t.png", &["-1"])]
#[case("rgb z 0 0 -o t.png", &["'z'", "<Z>"])]
#[case("rgb 3 0 0", &["--output"])]
#[case("rgb 3 0 -o t.png", &["<Y>"])]
#[case("rgb 3 0 0 -o t.jpg", &["--output", "jpg", "png or npy"])]
#[case("rgb 3 0 0 -o tile", &["--output", "png or npy"])]
#[case("rgb 3 0 0 -o t.png --bidx 9", &["bidx", "1 to 3"])]
#[case("rgb 3 0 0 -o t.png --rescale 5,1", &["rescale", "min"])]
#[case("rgb 3 0 0 -o t.png --rescale -5,-9", &["rescale", "min"])]
#[case("rgb 3 0 0 -o t.png --colormap-name Viridis --bidx 1", &["colormap_name", "Viridis"])]
#[case("rgb 3 0 0 -o t.png --resampling best", &["resampling", "nearest"])]
#[case("rgb 3 0 0 -o t.png --tilesize 9", &["tilesize", "64 to 1024"])]
#[case("rgb 3 0 0 -o t.png --frobnicate", &["--frobnicate", "--help"])]
fn a_wrong_use_of_tile_ends_with_2_and_says_what_to_do(#[case] args: &str, #[case] messages: &[&str]) {
    let folder = folder();
    let args: Vec<&str> = std::iter::once("tile").chain(args.split(' ')).collect();
    assert_fails(&run(folder.path(), &args), 2, messages);
    assert!(!folder.path().join("t.png").exists());
}

#[test]
fn what_the_data_or_the_system_refuses_ends_with_1() {
    let folder = folder();
    let tile = |layer: &str, file: &str| run(folder.path(), &["tile", layer, "10", "540", "360", "-o", file]);
    assert_fails(&tile("block", "t.png"), 1, &["broken_block.tif"]);
    assert!(!folder.path().join("t.png").exists());
    assert_fails(&tile("rgb", "no/such/folder/t.png"), 1, &["no/such/folder/t.png", "cannot write"]);
    std::fs::create_dir(folder.path().join("folder.png")).unwrap();
    assert_fails(&tile("rgb", "folder.png"), 1, &["folder.png"]);
}

#[rstest]
#[case(&["tile", "rgb", "3", "0", "0", "-o", "t.png"])]
#[case(&["info", "rgb"])]
#[case(&["layers"])]
#[case(&["serve"])]
#[case(&[])]
fn without_a_configuration_it_says_how_to_write_one(#[case] args: &[&str]) {
    assert_fails(
        &run(Folder::new().path(), args),
        2,
        &["cogwheel.toml", "[layers.", "source = ", "--config", "COGWHEEL_CONFIG"],
    );
}

#[test]
fn info_describes_a_layer_or_any_raster() {
    let folder = folder();
    let shown = text(&run(folder.path(), &["info", "rgb"]).stdout);
    for word in ["rgb", "GTiff", "512 x 400", "EPSG:3857", "256x200", "uint8", "zoom"] {
        assert!(shown.contains(word), "{word} is not in: {shown}");
    }
    let path = fixtures().join("palette.tif").display().to_string();
    for folder in [&folder, &Folder::new()] {
        let output = run(folder.path(), &["info", &path]);
        assert!(text(&output.stdout).contains("EPSG:32632"), "{}", text(&output.stderr));
        let body: Value = serde_json::from_slice(&run(folder.path(), &["info", "--json", &path]).stdout).unwrap();
        assert_eq!((&body["width"], &body["bands"][0]["nodata"]), (&512.into(), &255.0.into()));
    }
    let served = Server::of(&layers()).get("/layers/dem").ok().json();
    let body: Value = serde_json::from_slice(&run(folder.path(), &["info", "dem", "--json"]).stdout).unwrap();
    assert_eq!(body, served, "the same as GET /layers/dem");
}

#[rstest]
fn info_survives_every_fixture(#[values("", "dtypes", "vrt")] folder: &str) {
    let refused = ["broken_header.tif", "no_crs.tif"];
    for entry in std::fs::read_dir(fixtures().join(folder)).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if [".tif", ".vrt"].iter().any(|end| name.ends_with(end)) {
            let output = run(Folder::new().path(), &["info", "--json", path.to_str().unwrap()]);
            let expected = i32::from(refused.contains(&name));
            // a signal has no code
            assert_eq!(output.status.code(), Some(expected), "{name}: {:?} {}", output.status, text(&output.stderr));
        }
    }
}

#[test]
fn info_of_something_else_says_so() {
    let folder = folder();
    assert_fails(&run(folder.path(), &["info", "nope"]), 2, &["nope", "cogwheel layers"]);
    folder.copy("not_a_raster.txt");
    assert_fails(&run(folder.path(), &["info", "not_a_raster.txt"]), 1, &["not_a_raster.txt"]);
    let no_crs = fixtures().join("no_crs.tif").display().to_string();
    assert_fails(&run(folder.path(), &["info", &no_crs]), 1, &["no_crs.tif", "crs = \"EPSG:"]);
    let bare = run(Folder::new().path(), &["info", "nope.tif"]);
    assert_fails(&bare, 2, &["nope.tif"]);
}

#[test]
fn layers_lists_every_layer_and_fails_when_one_is_broken() {
    let folder = folder();
    let output = run(folder.path(), &["layers"]);
    let lines = text(&output.stdout);
    assert!(output.status.success() && lines.lines().count() == 3, "{lines}");
    assert!(
        lines.lines().next().unwrap().starts_with("rgb ") && lines.contains("Smooth") && lines.contains(" ok "),
        "{lines}"
    );

    folder.write("cogwheel.toml", [layers(), layer("absent", "absent.tif", "")].concat());
    let output = run(folder.path(), &["layers", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains('1'), "{}", text(&output.stderr));
    let body: Value = serde_json::from_slice(&output.stdout).unwrap();
    let rows: Vec<_> = body.as_array().unwrap().iter().map(|row| (&row["id"], &row["status"])).collect();
    assert_eq!(rows[3], (&"absent".into(), &"error".into()), "{body}");
    assert!(body[3]["detail"].as_str().unwrap().contains("absent.tif"));
}

#[rstest]
#[case(&["--config", "maps.toml", "layers"])]
#[case(&["layers", "--config", "maps.toml"])]
#[case(&["layers", "--config=maps.toml"])]
fn the_configuration_can_be_named_before_and_after_the_command(#[case] args: &[&str]) {
    let folder = Folder::new();
    folder.write("maps.toml", layers());
    let output = run(folder.path(), args);
    assert!(output.status.success(), "{}", text(&output.stderr));
}

#[test]
fn the_flag_wins_over_the_environment_and_that_over_the_folder() {
    let folder = folder();
    folder.write("one.toml", layer("one", "palette.tif", ""));
    folder.write("two.toml", layer("two", "palette.tif", ""));
    let list = |command: &mut Command| text(&command.current_dir(folder.path()).arg("layers").output().unwrap().stdout);
    assert!(list(&mut cogwheel()).starts_with("rgb"));
    assert!(list(cogwheel().env("COGWHEEL_CONFIG", "")).starts_with("rgb"));
    assert!(list(cogwheel().env("COGWHEEL_CONFIG", "one.toml")).starts_with("one"));
    let mut both = cogwheel();
    both.env("COGWHEEL_CONFIG", "one.toml").current_dir(folder.path()).args(["layers", "--config", "two.toml"]);
    assert!(text(&both.output().unwrap().stdout).starts_with("two"));
}

#[rstest]
#[case("", false, false)]
#[case("off", false, false)]
#[case("info", true, false)]
#[case("warn,cogwheel::catalog=info", true, false)]
#[case("debug,cogwheel=error", false, false)]
#[case("cogwheel=loud", false, true)]
fn cogwheel_log_chooses_what_is_told(#[case] filter: &str, #[case] opened: bool, #[case] refused: bool) {
    let folder = folder();
    let output =
        cogwheel().env("COGWHEEL_LOG", filter).current_dir(folder.path()).args(["info", "rgb"]).output().unwrap();
    let stderr = text(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert_eq!(stderr.contains("INFO cogwheel::catalog"), opened, "{stderr}");
    assert_eq!(stderr.contains(&format!("COGWHEEL_LOG={filter} is left out")), refused, "{stderr}");
}

#[rstest]
#[case(&["--port", "8080", "layers"], "--port <PORT> belongs behind a command: cogwheel serve --port <PORT>")]
#[case(&["--block-cache-mb", "0", "info", "rgb"], "--block-cache-mb <BLOCK_CACHE_MB> belongs behind")]
#[case(&["--stream-answers", "layers"], "--stream-answers belongs behind")]
fn a_setting_of_the_server_before_another_command_is_refused(#[case] args: &[&str], #[case] message: &str) {
    assert_fails(&run(folder().path(), args), 2, &[message, "(not before "]);
}

#[test]
fn without_arguments_it_serves() {
    let server = Server::run(Folder::new(), cogwheel().env("COGWHEEL_PORT", "0").current_dir(ROOT));
    assert_eq!(server.get("/healthz").ok().json()["layers"], 6);
    assert_eq!(server.get("/layers").ok().json()["layers"][0]["id"], "relief");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let folder = folder();
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    assert_fails(&run(folder.path(), &["--port", &port]), 1, &[&port, "--port"]);
    assert_fails(&run(folder.path(), &["--port", "65536"]), 2, &["65536"]);
    assert_fails(&run(folder.path(), &["--port", "0", "--host", "256.1.1.1"]), 1, &["256.1.1.1", "--host"]);
}

#[rstest]
#[case(&["--help"])]
#[case(&["layers"])]
#[case(&["layers", "--json"])]
#[case(&["info", "rgb"])]
#[case(&["tile", "rgb", "11", "1081", "737", "-o", "t.png"])]
fn a_closed_pipe_is_no_panic(#[case] args: &[&str]) {
    let folder = folder();
    let mut command = cogwheel();
    command.current_dir(folder.path()).args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{:?}: {}", output.status, text(&output.stderr));
}

#[test]
fn a_server_whose_log_has_been_closed_goes_on() {
    let folder = Folder::new();
    folder.write("cogwheel.toml", layers());
    let mut child = cogwheel();
    child.current_dir(folder.path()).args(["--port", "0"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = Process(child.spawn().unwrap());
    let mut line = String::new();
    let mut stdout = std::io::BufReader::new(child.0.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut stdout, &mut line).unwrap();
    drop(child.0.stderr.take());
    let port = line.trim().rsplit(':').next().unwrap().parse().unwrap();
    let ask = |path: &str| {
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        std::io::Write::write_all(&mut stream, &crate::server::request("GET", path, &[])).unwrap();
        crate::server::read_answer(&mut stream, "GET").map(|answer: crate::server::Answer| answer.status)
    };
    assert_eq!(ask("/tiles/block/10/540/360"), Ok(502), "a failure is logged");
    assert_eq!(ask("/healthz"), Ok(200));
    child.signal("TERM");
    assert_eq!(child.wait(Duration::from_secs(10)).and_then(|status| status.code()), Some(0));
}
