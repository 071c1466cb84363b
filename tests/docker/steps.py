"""The steps of a Dockerfile without Docker, so that they can't rot: `steps.py DOCKERFILE`.

Each stage has a root of its own, an overlay whose writes go to a temporary folder; RUN runs in it by chroot, COPY
takes what .dockerignore lets through. What stands for the base images: this machine for rust, which must have the
same version of it; a minimal Debian by debootstrap for debian, and for AWS's image, which is not to be had here
(scripts/lambda/check.sh checks what differs, the glibc). Cache mounts are the repository's own target folder, so GDAL is
not compiled again. In the end the image is started as it says: its user, a root file system that can't be written,
its health check.

Root only, on Linux. Knows the instructions that our Dockerfiles use, and stops at any other.
"""

import fnmatch
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve()
# Of this machine, what a stage that stands on it may use: the toolchain and the registry's files.
KEPT = ["PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME", "TERM", "LANG"]


def fail(message):
    sys.exit(f"steps.py: {message}")


def run(*command, **options):
    return subprocess.run([str(word) for word in command], check=True, **options)


def instructions(text):
    """Pairs of instruction and its argument, comments gone and continued lines joined."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    for line in re.sub(r"\\\n\s*", " ", "\n".join(lines)).splitlines():
        name, argument = line.split(None, 1)
        yield name.upper(), argument.strip()


def context(into):
    """What `docker build` would send: the files that git knows or could, as .dockerignore lets them through."""
    patterns = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    listed = run("git", "ls-files", "-co", "--exclude-standard", cwd=ROOT, stdout=subprocess.PIPE, text=True).stdout
    for name in listed.splitlines():
        ignored = False
        parts = name.split("/")
        parents = ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
        for pattern in patterns:
            plain = pattern.removeprefix("!").removeprefix("**/")
            names = parts if "**/" in pattern else parents
            if any(fnmatch.fnmatchcase(each, plain) for each in names):
                ignored = not pattern.startswith("!")
        if not ignored and (ROOT / name).is_file():
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, into / name)


def debian():
    """A minimal Debian 12, made once."""
    folder = TARGET / "docker" / "bookworm"
    if not (folder / "complete").exists():
        print("making a minimal Debian by debootstrap", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        run("debootstrap", "--variant=minbase", "bookworm", folder, stdout=subprocess.DEVNULL)
        (folder / "complete").touch()
    return folder


def base(image, work):
    """The folder that stands for a base image."""
    if image.startswith("rust:"):
        version = re.match(r"rust:(\d+\.\d+)", image).group(1)
        here = run("rustc", "--version", stdout=subprocess.PIPE, text=True).stdout.split()[1]
        if not here.startswith(version + "."):
            fail(f"{image} should have the Rust of this machine, {here}")
        return pathlib.Path("/")
    if image == "scratch":
        (work / "scratch").mkdir(exist_ok=True)
        return work / "scratch"
    if image.startswith("debian:bookworm") or image == "public.ecr.aws/lambda/provided:al2023":
        return debian()
    fail(f"nothing stands for the image {image}")


class Stage:
    """One stage: its root, and what the instructions so far have set."""

    def __init__(self, image, work, number):
        self.here = image.startswith("rust:")
        self.root, self.cwd, self.user, self.env = work / f"root{number}", "/", "0:0", {}
        self.health = self.entrypoint = self.command = None
        upper, scratch = work / f"upper{number}", work / f"work{number}"
        for folder in (self.root, upper, scratch):
            folder.mkdir()
        run("mount", "-t", "overlay", "overlay", "-o",
            f"lowerdir={base(image, work)},upperdir={upper},workdir={scratch}", self.root)
        if image != "scratch":
            for system in ("proc", "dev"):
                (self.root / system).mkdir(exist_ok=True)
                run("mount", "--rbind", f"/{system}", self.root / system)
            shutil.copy("/etc/resolv.conf", self.root / "etc/resolv.conf")

    def path(self, name):
        """A path of the image, as this machine sees it."""
        return self.root / os.path.normpath(os.path.join(self.cwd, name)).lstrip("/")

    def mount_cache(self, name):
        folder = self.path(name)
        folder.mkdir(parents=True, exist_ok=True)
        run("mount", "--bind", TARGET, folder)
        return folder

    def shell(self, *command, **options):
        """A command in the image, as its user, with its environment and no other."""
        environment = {name: os.environ[name] for name in KEPT if self.here and name in os.environ}
        environment.setdefault("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        uid, gid = self.user.split(":")
        script = 'cd "$1" && shift && exec setpriv --reuid "$1" --regid "$2" --clear-groups -- "${@:3}"'
        words = ["chroot", str(self.root), "/bin/bash", "-c", script, "-", self.cwd, uid, gid, *command]
        return subprocess.Popen(words, env=environment | self.env, **options)

    def run(self, command):
        mounts = []
        while option := re.match(r"--mount=type=cache,target=(\S+)\s+", command):
            mounts.append(self.mount_cache(option.group(1)))
            command = command[option.end():]
        code = self.shell("/bin/sh", "-c", command).wait()
        for folder in mounts:
            run("umount", folder)
        if code:
            fail(f"exit code {code}: RUN {command}")

    def copy(self, argument, files):
        *sources, target = argument.split()
        for source in sources:
            found = sorted(files.glob(source.strip("/"))) if source != "." else [files]
            if not found:
                fail(f"COPY {argument}: there is no {source} in the context or stage")
            for path in found:
                into = self.path(target)
                if path.is_dir():
                    shutil.copytree(path, into, symlinks=True, dirs_exist_ok=True)
                else:
                    into = into / path.name if target.endswith("/") else into
                    into.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy2(path, into)


def build(dockerfile, work):
    """Runs all stages; the last is the image."""
    files = work / "context"
    context(files)
    stages, names, values, stage = [], {}, {}, None
    for name, argument in instructions(dockerfile.read_text()):
        print(f"{name} {argument}", flush=True)
        if name == "ARG":
            key, _, default = argument.partition("=")
            values.setdefault(key, default)
            if stage:
                stage.env[key] = values[key]
        elif name == "FROM":
            words = [word for word in argument.split() if not word.startswith("--")]
            stage = Stage(words[0], work, len(stages))
            stages.append(stage)
            if len(words) == 3:
                names[words[2]] = stage
        elif name == "WORKDIR":
            stage.cwd = argument
            stage.path(".").mkdir(parents=True, exist_ok=True)
        elif name == "RUN":
            stage.run(argument)
        elif name == "COPY":
            origin = re.match(r"--from=(\S+)\s+", argument)
            stage.copy(argument[origin.end():] if origin else argument,
                       names[origin.group(1)].root if origin else files)
        elif name == "ENV":
            stage.env |= dict(word.split("=", 1) for word in shlex.split(argument))
        elif name == "USER":
            stage.user = argument
        elif name == "HEALTHCHECK":
            stage.health = json.loads(argument.split("CMD", 1)[1])
        elif name == "ENTRYPOINT":
            stage.entrypoint = json.loads(argument)
        elif name == "CMD":
            stage.command = json.loads(argument)
        elif name != "EXPOSE":
            fail(f"the instruction {name} is not known")
    return stage


def serve(image):
    """Starts a server's image as it is meant to run, until its health check is content."""
    if image.user.split(":")[0] == "0":
        fail("the server's image runs as root")
    run("mount", "-o", "remount,ro", image.root)
    # Another port than the image's, which may be taken on this machine.
    image.env["COGWHEEL_PORT"] = "18764"
    if image.shell(*image.health, stderr=subprocess.DEVNULL).wait() == 0:
        fail("the health check is content without a server")
    server = image.shell(*image.entrypoint, *image.command)
    try:
        for _ in range(100):
            time.sleep(0.1)
            if server.poll() is not None:
                fail(f"the server ended with exit code {server.returncode}")
            if image.shell(*image.health, stderr=subprocess.DEVNULL).wait() == 0:
                break
        else:
            fail("the health check is not content with the server")
        owner = os.stat(f"/proc/{server.pid}").st_uid
        with urllib.request.urlopen("http://127.0.0.1:18764/tiles/relief/2/1/1.png") as answer:
            size = len(answer.read())
        print(f"the image serves: user {owner}, read-only root, healthy, a tile of {size} bytes")
    finally:
        server.terminate()
        server.wait()


def main(dockerfile):
    if os.geteuid() != 0:
        fail("stages are overlays, which only root may mount")
    if os.environ.get("STEPS_MOUNTS") != "own":
        # Mounts of its own, which end with the process.
        os.environ["STEPS_MOUNTS"] = "own"
        os.execvp("unshare", ["unshare", "--mount", sys.executable, __file__, dockerfile])
    TARGET.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="cogwheel-steps-") as folder:
        work = pathlib.Path(folder)
        try:
            image = build(pathlib.Path(dockerfile), work)
            if image.health:
                serve(image)
            else:
                bootstrap = image.shell("/var/runtime/bootstrap", "--version", stdout=subprocess.PIPE, text=True)
                print("the image's bootstrap says", bootstrap.communicate()[0].strip())
                if bootstrap.returncode:
                    fail("the bootstrap does not start")
        finally:
            for root in work.glob("root*"):
                subprocess.run(["umount", "--recursive", root], check=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
