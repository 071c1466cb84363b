//! The examples of the documents, as whoever pastes them runs them: `sh` and `curl` against the demo layers.

use std::path::Path;
use std::process::Command;

use rstest::rstest;

use crate::server::{Folder, ROOT, Server};

/// The address in the documents.
const ADDRESS: &str = "127.0.0.1:8080";

/// What stands for the rest of a line in the documents.
const LEFT_OUT: char = '…';

/// A command of a document, and what the document says that it prints.
struct Example {
    command: String,
    prints: Option<String>,
}

/// The commands of a document that call `curl`: lines behind a `$` with their output below them, or a `sh` block with its
/// output in the block that follows at once.
fn examples(document: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    // The fenced blocks: what stands before each, the language, the lines.
    let mut parts = document.split("\n```");
    let mut before = parts.next().unwrap_or_default();
    while let (Some(block), after) = (parts.next(), parts.next()) {
        let (language, text) = block.split_once('\n').unwrap_or((block, ""));
        match language {
            "console" => examples.extend(transcript(text)),
            "sh" | "bash" => {
                let is_call = |line: &&str| line.starts_with("curl ");
                examples.extend(
                    text.lines().filter(is_call).map(|line| Example { command: line.to_owned(), prints: None }),
                );
            }
            "json" | "text" if before.trim().is_empty() => {
                if let Some(example) = examples.last_mut() {
                    example.prints = Some(text.to_owned());
                }
            }
            _ => {}
        }
        before = after.unwrap_or_default();
    }
    examples
}

/// The commands of one session. One that only sets a variable belongs to the next.
fn transcript(text: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut variables = String::new();
    for line in text.lines() {
        match (line.strip_prefix("$ "), examples.last_mut()) {
            (Some(assignment), _) if assignment.contains("=$(") => variables = format!("{assignment}; "),
            (Some(command), _) => {
                examples
                    .push(Example { command: format!("{}{command}", std::mem::take(&mut variables)), prints: None });
            }
            (None, Some(example)) => example.prints.get_or_insert_default().push_str(&format!("{line}\n")),
            (None, None) => {}
        }
    }
    examples.retain(|example| example.command.contains("curl "));
    examples
}

/// Whether a text is what a document says it is: line breaks apart, and with anything where the document leaves out.
fn is_as_documented(text: &str, documented: &str) -> bool {
    let joined = |text: &str| text.lines().map(str::trim).collect::<String>();
    let (text, documented) = (joined(text), joined(documented));
    let mut rest = text.as_str();
    let mut is_first = true;
    for fragment in documented.split(LEFT_OUT) {
        match rest.find(fragment) {
            Some(at) if at == 0 || !is_first => rest = &rest[at + fragment.len()..],
            _ => return false,
        }
        is_first = false;
    }
    rest.is_empty() || documented.ends_with(LEFT_OUT)
}

#[rstest]
#[case::api("docs/API.md", 40)]
#[case::readme("README.md", 9)]
fn an_example_prints_what_the_document_says(#[case] document: &str, #[case] at_least: usize) {
    let server = Server::demo();
    let own = format!("127.0.0.1:{}", server.port);
    let examples = examples(&std::fs::read_to_string(Path::new(ROOT).join(document)).unwrap());
    assert!(examples.len() >= at_least, "{document} has {} examples", examples.len());
    // Later examples use what earlier ones wrote.
    let folder = Folder::new();
    for Example { command, prints } in examples {
        // Without anything to compare an answer is good if it is no error.
        let strictly = if prints.is_none() { "curl() { command curl --fail \"$@\"; }; " } else { "" };
        let script = format!("{strictly}{}", command.replace(ADDRESS, &own));
        let output = Command::new("sh").args(["-c", &script]).current_dir(folder.path()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).replace(&own, ADDRESS);
        match prints {
            Some(prints) => assert!(is_as_documented(&text, &prints), "{command}\nprints\n{text}\nand not\n{prints}"),
            None => assert!(output.status.success(), "{command}\n{}", String::from_utf8_lossy(&output.stderr)),
        }
    }
}

#[test]
fn what_is_left_out_may_be_anything_and_the_rest_must_be_there() {
    assert!(is_as_documented("{\"a\":1,\n \"b\":2}\n", "{\"a\":1,\"b\":2}"));
    assert!(is_as_documented("{\"a\":1,\"b\":2,\"c\":3}", "{\"a\":1,…,\"c\":3}"));
    assert!(is_as_documented("{\"a\":1,\"b\":2}", "{\"a\":1…"));
    assert!(!is_as_documented("{\"a\":1,\"b\":2}", "{\"a\":2…"));
    assert!(!is_as_documented("x{\"a\":1}", "{\"a\":1}"));
    assert!(!is_as_documented("{\"a\":1}x", "{\"a\":1}"));
    assert!(!is_as_documented("", "…\"a\"…"));
}
