//! Making a client do things: by running a program with arguments from a template, or from within.

use std::collections::BTreeMap;
use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::str::FromStr;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// How much of what a program prints is read.
const MOST_OUTPUT: u64 = 4 * 1024 * 1024;
/// How much of what it complains is kept.
const MOST_WORDS: usize = 300;

/// A question to the client, as whoever puts it to the client sees it.
#[derive(Clone, Debug)]
pub struct Question {
    /// The name of the scenario.
    pub scenario: &'static str,
    /// `directory`, `network-map`, `pid`, `cost-map`, `costs` or `property`.
    pub task: &'static str,
    /// The URI of the root directory.
    pub uri: String,
    /// Values by name: `map`, `addresses`, `metric`, `mode`, `from`, `to`, `most`, `property`, `user`, `password`, `ca`.
    pub values: BTreeMap<&'static str, Vec<String>>,
    /// Names of values without which the question would be another one.
    pub required: Vec<&'static str>,
    /// Names of values that must not be used, as the question is what the client takes without them.
    pub forbidden: Vec<&'static str>,
}

/// Whoever makes the client do things.
pub trait Driver {
    /// Puts a question to the client; an error says why that cannot be done.
    fn attempt(&mut self, question: &Question) -> Result<Outcome, String>;
}

/// What came of a question.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// How it ended.
    pub ending: Ending,
    /// The answer, if there is one that can be read.
    pub answer: Option<Value>,
    /// What the client said about an error.
    pub words: Option<String>,
    /// How to do the same again.
    pub command: String,
}

/// How a client ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It says that it found an answer.
    Succeeded,
    /// It says that it did not, with this exit code.
    Refused(i32),
    /// It broke down.
    Crashed(String),
    /// It had to be stopped after this time.
    TimedOut(Duration),
}

/// What became of a task.
#[derive(Clone, Debug)]
pub(super) enum Driven {
    /// It could not be put to the client, and this is why.
    Not(String),
    /// It was.
    Done(Done),
}

/// A task that was put to the client.
#[derive(Clone, Debug)]
pub(super) struct Done {
    /// Which run it was.
    pub(super) run: usize,
    /// The URI that the client was given.
    pub(super) uri: String,
    pub(super) ending: Ending,
    pub(super) answer: Option<Value>,
    pub(super) words: Option<String>,
    pub(super) command: String,
}

impl Done {
    pub(super) fn new(run: usize, uri: String, outcome: Outcome) -> Self {
        let Outcome { ending, answer, words, command } = outcome;
        Self { run, uri, ending, answer, words, command }
    }

    pub(super) fn succeeded(&self) -> bool {
        self.ending == Ending::Succeeded
    }
}

/// A command line with places for values: `{uri}`, `{to}` and so on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    words: Vec<String>,
}

/// Why a template cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// Nothing to run.
    #[error("the template is empty; write a program with its arguments")]
    Empty,
    /// A quotation mark is open at the end.
    #[error("{0:?}: a quotation mark is not closed")]
    Quote(String),
    /// A name in braces that has no value.
    #[error("{{{0}}} is none of the placeholders; they are {1}")]
    Unknown(String, String),
    /// Without the URI the client cannot know whom to ask.
    #[error("{0:?}: {{uri}} is missing; the client has to be told whom to ask")]
    NoUri(String),
}

/// What may stand in braces.
const PLACEHOLDERS: &[&str] = &[
    "uri",
    "task",
    "scenario",
    "map",
    "addresses",
    "metric",
    "mode",
    "from",
    "to",
    "most",
    "property",
    "user",
    "password",
    "ca",
];

impl FromStr for Template {
    type Err = TemplateError;

    /// Splits at white space that is not within quotation marks.
    fn from_str(text: &str) -> Result<Self, TemplateError> {
        let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
        for character in text.chars() {
            match quote {
                Some(mark) if character == mark => quote = None,
                None if matches!(character, '"' | '\'') => {
                    quote = Some(character);
                    word.get_or_insert_default();
                }
                None if character.is_whitespace() => words.extend(word.take()),
                _ => word.get_or_insert_default().push(character),
            }
        }
        if quote.is_some() {
            return Err(TemplateError::Quote(text.to_owned()));
        }
        words.extend(word);
        Self::new(words)
    }
}

impl Template {
    /// A template from words.
    pub fn new(words: Vec<String>) -> Result<Self, TemplateError> {
        if words.is_empty() {
            return Err(TemplateError::Empty);
        }
        let template = Self { words };
        for name in template.names() {
            if !PLACEHOLDERS.contains(&name) {
                return Err(TemplateError::Unknown(name.to_owned(), PLACEHOLDERS.join(", ")));
            }
        }
        if !template.has("uri") {
            return Err(TemplateError::NoUri(template.words.join(" ")));
        }
        Ok(template)
    }

    /// The program that is run.
    pub(super) fn program(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    /// Whether it has a place for this value.
    fn has(&self, name: &str) -> bool {
        self.names().any(|its| its == name)
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.words.iter().flat_map(|word| pieces(word)).filter_map(|piece| match piece {
            Piece::Name(name) => Some(name),
            Piece::Text(_) => None,
        })
    }

    /// The words with values in their places. A word that is nothing but a place becomes as many words as it has
    /// values; within a word they are joined by commas.
    fn filled(&self, question: &Question) -> Vec<String> {
        let values = |name: &str| match name {
            "uri" => vec![question.uri.clone()],
            "task" => vec![question.task.to_owned()],
            "scenario" => vec![question.scenario.to_owned()],
            name => question.values.get(name).cloned().unwrap_or_default(),
        };
        let mut words = Vec::new();
        for word in &self.words {
            let pieces = pieces(word);
            if let [Piece::Name(name)] = pieces[..] {
                words.extend(values(name));
                continue;
            }
            let text = |piece: &Piece<'_>| match piece {
                Piece::Text(text) => (*text).to_owned(),
                Piece::Name(name) => values(name).join(","),
            };
            words.push(pieces.iter().map(text).collect());
        }
        words
    }
}

/// A part of a word.
#[derive(Clone, Copy)]
enum Piece<'a> {
    Text(&'a str),
    /// A name in braces.
    Name(&'a str),
}

/// The parts of a word. Braces around anything but small letters are braces.
fn pieces(word: &str) -> Vec<Piece<'_>> {
    let (mut pieces, mut rest, mut from) = (Vec::new(), word, 0);
    while let Some(open) = rest[from..].find('{').map(|at| from + at) {
        let name = rest[open + 1..].split_once('}').map(|(name, _)| name);
        match name.filter(|name| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase())) {
            Some(name) => {
                if open > 0 {
                    pieces.push(Piece::Text(&rest[..open]));
                }
                pieces.push(Piece::Name(name));
                (rest, from) = (&rest[open + name.len() + 2..], 0);
            }
            None => from = open + 1,
        }
    }
    if !rest.is_empty() || pieces.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    pieces
}

/// Runs a program for each question.
#[derive(Clone, Debug)]
pub struct Programs {
    /// Templates by task.
    pub by_task: BTreeMap<String, Template>,
    /// The template for tasks that have none of their own.
    pub otherwise: Option<Template>,
    /// When a program is stopped.
    pub timeout: Duration,
}

impl Driver for Programs {
    fn attempt(&mut self, question: &Question) -> Result<Outcome, String> {
        let template = self.by_task.get(question.task).or(self.otherwise.as_ref());
        let template = template.ok_or_else(|| format!("no command is given for the task {}", question.task))?;
        if let Some(name) = question.required.iter().find(|name| !template.has(name)) {
            return Err(format!("the command for the task {} has no place for {{{name}}}", question.task));
        }
        if let Some(name) = question.forbidden.iter().find(|name| template.has(name)) {
            return Err(format!(
                "the command for the task {} says {{{name}}}, so the client does not choose",
                question.task
            ));
        }
        let words = template.filled(question);
        run(&words, self.timeout).map_err(|error| format!("{}: cannot be run: {error}", words[0]))
    }
}

/// Runs a program to its end.
fn run(words: &[String], timeout: Duration) -> std::io::Result<Outcome> {
    let mut child = Command::new(&words[0])
        .args(&words[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let (output, complaints) = (drain(child.stdout.take()), drain(child.stderr.take()));
    let status = wait(&mut child, timeout)?;
    // Programs started by the program may hold its output open; they are not waited for.
    let read = |from: &mpsc::Receiver<Vec<u8>>| from.recv_timeout(Duration::from_secs(1)).unwrap_or_default();
    let (output, complaints) = (read(&output), read(&complaints));
    let complaints = String::from_utf8_lossy(&complaints);
    let last = complaints.lines().rev().find(|line| !line.trim().is_empty());
    let words_of_client = last.map(|line| crate::json::shorten(line.trim(), MOST_WORDS));
    let ending = match status {
        None => Ending::TimedOut(timeout),
        Some(status) => ending(status, &complaints),
    };
    let answer = serde_json::from_slice(&output).ok().filter(|_| ending == Ending::Succeeded);
    Ok(Outcome { ending, answer, words: words_of_client, command: quoted(words) })
}

fn drain(from: Option<impl Read + Send + 'static>) -> mpsc::Receiver<Vec<u8>> {
    let (to, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(from) = from {
            let mut from = from.take(MOST_OUTPUT);
            let _ = from.read_to_end(&mut bytes);
            let _ = to.send(bytes);
            // A program that prints without end must not hang in a full pipe before it is stopped.
            let _ = std::io::copy(&mut from.into_inner(), &mut std::io::sink());
        }
    });
    receiver
}

fn wait(child: &mut Child, timeout: Duration) -> std::io::Result<Option<ExitStatus>> {
    let (end, mut pause) = (Instant::now() + timeout, Duration::from_millis(1));
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() >= end {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

fn ending(status: ExitStatus, complaints: &str) -> Ending {
    match status.code() {
        Some(0) => Ending::Succeeded,
        // What Rust and Python print when a program breaks down rather than says no.
        Some(101) if complaints.contains("panicked at") => Ending::Crashed("it panicked".into()),
        Some(1) if complaints.contains("Traceback (most recent call last)") => {
            Ending::Crashed("an exception was not caught".into())
        }
        Some(code) => Ending::Refused(code),
        None => Ending::Crashed(status.to_string()),
    }
}

/// The words as a shell would take them.
fn quoted(words: &[String]) -> String {
    let mut line = String::new();
    for word in words {
        let plain = !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./:=@,+".contains(&b));
        let word = if plain { word.clone() } else { format!("'{}'", word.replace('\'', r"'\''")) };
        if !line.is_empty() {
            line.push(' ');
        }
        line += &word;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question() -> Question {
        let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        Question {
            scenario: "plain",
            task: "costs",
            uri: "http://h/d".into(),
            values: BTreeMap::from([("from", list(&["ipv4:1"])), ("to", list(&["a", "b"])), ("most", Vec::new())]),
            required: vec!["from", "to"],
            forbidden: Vec::new(),
        }
    }

    fn shell(script: &str) -> Outcome {
        let words = ["sh", "-c", script, "sh", "{uri}", "{from}", "{to}"].map(str::to_owned).to_vec();
        let mut programs = Programs {
            by_task: BTreeMap::from([("costs".to_owned(), Template::new(words).unwrap())]),
            otherwise: None,
            timeout: Duration::from_secs(5),
        };
        programs.attempt(&question()).unwrap()
    }

    #[test]
    fn values_are_put_in_their_places() {
        let template = "get '{uri}' --most={most} --to={to} \"{to} x\" {to} '' '{\"{from}\":{}}'";
        let template: Template = template.parse().unwrap();
        let filled = template.filled(&question());
        let expected = ["get", "http://h/d", "--most=", "--to=a,b", "a,b x", "a", "b", "", "{\"ipv4:1\":{}}"];
        assert_eq!(filled, expected);
        assert_eq!(quoted(&filled[..3]), "get http://h/d --most=");
        assert_eq!("".parse::<Template>(), Err(TemplateError::Empty));
        assert!(matches!("a {uri} 'b".parse::<Template>(), Err(TemplateError::Quote(_))));
        assert!(matches!("a {url}".parse::<Template>(), Err(TemplateError::Unknown(..))));
        assert!(matches!("a b".parse::<Template>(), Err(TemplateError::NoUri(_))));
    }

    #[test]
    fn programs_are_run_and_their_answers_read() {
        let outcome = shell(r#"printf '{"%s": 1}' "$3$4""#);
        assert_eq!((outcome.ending, outcome.answer), (Ending::Succeeded, Some(serde_json::json!({ "ab": 1 }))));
        let outcome = shell("echo no such map >&2; echo '{}'; exit 4");
        assert_eq!((outcome.ending, outcome.answer), (Ending::Refused(4), None));
        assert_eq!(outcome.words.as_deref(), Some("no such map"));
        assert!(matches!(shell("kill -SEGV $$").ending, Ending::Crashed(_)));
        assert!(matches!(shell("echo thread main panicked at x >&2; exit 101").ending, Ending::Crashed(_)));
    }

    #[test]
    fn programs_that_do_not_end_are_stopped() {
        let words = ["sh", "-c", "yes; : {uri}"].map(str::to_owned).to_vec();
        let mut programs = Programs {
            by_task: BTreeMap::new(),
            otherwise: Some(Template { words }),
            timeout: Duration::from_millis(100),
        };
        let mut asked = question();
        asked.required.clear();
        assert!(matches!(programs.attempt(&asked).unwrap().ending, Ending::TimedOut(_)));
        assert!(programs.attempt(&question()).unwrap_err().contains("{from}"));
    }
}
