//! Execution of tasks by a client: a command per task, or an implementation in Rust.

use std::collections::BTreeMap;
use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::str::FromStr;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Limit on the bytes read from standard output.
const MOST_OUTPUT: u64 = 4 * 1024 * 1024;
/// Limit on the characters kept from an error message.
const MOST_WORDS: usize = 300;

/// Task as it is passed to a client.
#[derive(Clone, Debug)]
pub struct Assignment {
    /// Name of the scenario.
    pub scenario: &'static str,
    /// Kind of task: `directory`, `network-map`, `pid`, `cost-map`, `costs`, `property` or `follow`.
    pub task: &'static str,
    /// URI of the root directory.
    pub uri: String,
    /// Values by name: `map`, `addresses`, `metric`, `mode`, `from`, `to`, `most`, `property`,
    /// `resource`, `by`, `tag`, `user`, `password`, `ca`.
    pub values: BTreeMap<&'static str, Vec<String>>,
    /// Names of values without which the task would be a different one.
    pub required: Vec<&'static str>,
    /// Names of values that must not be used, because the client must choose by itself.
    pub forbidden: Vec<&'static str>,
}

/// Interface to the client under test.
pub trait ClientDriver {
    /// Runs the client for a task; an error explains why that is impossible.
    fn attempt(&mut self, assignment: &Assignment) -> Result<ClientOutcome, String>;
}

/// Result of running a client for a task.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientOutcome {
    /// Exit code, crash or timeout of the client.
    pub ending: Ending,
    /// Answer of the client, if it printed valid JSON.
    pub answer: Option<Value>,
    /// Error message of the client.
    pub words: Option<String>,
    /// Command that repeats the run.
    pub command: String,
}

/// Way in which a run of a client ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Success, by exit code 0.
    Succeeded,
    /// Failure, with this exit code.
    Refused(i32),
    /// Crash, with a description.
    Crashed(String),
    /// Termination after a time limit.
    TimedOut(Duration),
}

/// Outcome of a task.
#[derive(Clone, Debug)]
pub(super) enum TaskOutcome {
    /// The client was not run, for this reason.
    Not(String),
    /// The client was run.
    TaskRun(TaskRun),
}

/// Run of the client for a task.
#[derive(Clone, Debug)]
pub(super) struct TaskRun {
    /// Number of the run.
    pub(super) run: usize,
    /// URI that the client was given.
    pub(super) uri: String,
    pub(super) ending: Ending,
    pub(super) answer: Option<Value>,
    pub(super) words: Option<String>,
    pub(super) command: String,
}

impl TaskRun {
    pub(super) fn new(run: usize, uri: String, outcome: ClientOutcome) -> Self {
        let ClientOutcome { ending, answer, words, command } = outcome;
        Self { run, uri, ending, answer, words, command }
    }

    pub(super) fn succeeded(&self) -> bool {
        self.ending == Ending::Succeeded
    }
}

/// Command line with placeholders such as `{uri}` and `{to}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandTemplate {
    words: Vec<String>,
}

/// Error in a command template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandTemplateError {
    /// The template has no words.
    #[error("the template is empty; write a program with its arguments")]
    Empty,
    /// The template ends within quotation marks.
    #[error("{0:?}: a quotation mark is not closed")]
    Quote(String),
    /// A placeholder is unknown.
    #[error("{{{0}}} is none of the placeholders; they are {1}")]
    Unknown(String, String),
    /// The placeholder `{uri}` is missing.
    #[error("{0:?}: the placeholder {{uri}} is missing; add it where the client expects the URI of the directory")]
    NoUri(String),
}

/// Names of the placeholders.
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
    "resource",
    "by",
    "tag",
    "user",
    "password",
    "ca",
];

impl FromStr for CommandTemplate {
    type Err = CommandTemplateError;

    /// Splits the text at white space outside quotation marks.
    fn from_str(text: &str) -> Result<Self, CommandTemplateError> {
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
            return Err(CommandTemplateError::Quote(text.to_owned()));
        }
        words.extend(word);
        Self::new(words)
    }
}

impl CommandTemplate {
    /// Creates a template from words.
    pub fn new(words: Vec<String>) -> Result<Self, CommandTemplateError> {
        if words.is_empty() {
            return Err(CommandTemplateError::Empty);
        }
        let template = Self { words };
        for name in template.names() {
            if !PLACEHOLDERS.contains(&name) {
                return Err(CommandTemplateError::Unknown(name.to_owned(), PLACEHOLDERS.join(", ")));
            }
        }
        if !template.has("uri") {
            return Err(CommandTemplateError::NoUri(template.words.join(" ")));
        }
        Ok(template)
    }

    /// Returns the program to run.
    pub(crate) fn program(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    /// Returns whether the template has a placeholder.
    fn has(&self, name: &str) -> bool {
        self.names().any(|its| its == name)
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.words.iter().flat_map(|word| pieces(word)).filter_map(|piece| match piece {
            Piece::Name(name) => Some(name),
            Piece::Text(_) => None,
        })
    }

    /// Replaces placeholders by values. A word that consists of one placeholder becomes one word per value; within a word,
    /// values are joined by commas.
    fn filled(&self, assignment: &Assignment) -> Vec<String> {
        let values = |name: &str| match name {
            "uri" => vec![assignment.uri.clone()],
            "task" => vec![assignment.task.to_owned()],
            "scenario" => vec![assignment.scenario.to_owned()],
            name => assignment.values.get(name).cloned().unwrap_or_default(),
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

/// Part of a word.
#[derive(Clone, Copy)]
enum Piece<'a> {
    Text(&'a str),
    /// Placeholder, by its name without braces.
    Name(&'a str),
}

/// Splits a word into text and placeholders; braces around anything but lower-case letters are text.
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

/// Driver that runs a command for each task.
#[derive(Clone, Debug)]
pub struct CommandDriver {
    /// Templates by kind of task.
    pub by_task: BTreeMap<String, CommandTemplate>,
    /// Template for all other tasks.
    pub otherwise: Option<CommandTemplate>,
    /// Time limit of one run.
    pub timeout: Duration,
}

impl ClientDriver for CommandDriver {
    fn attempt(&mut self, assignment: &Assignment) -> Result<ClientOutcome, String> {
        let template = self.by_task.get(assignment.task).or(self.otherwise.as_ref());
        let template = template.ok_or_else(|| format!("no command is given for the task {}", assignment.task))?;
        if let Some(name) = assignment.required.iter().find(|name| !template.has(name)) {
            return Err(format!("the command for the task {} has no placeholder {{{name}}}", assignment.task));
        }
        if let Some(name) = assignment.forbidden.iter().find(|name| template.has(name)) {
            return Err(format!(
                "the command for the task {} says {{{name}}}, so the client does not choose",
                assignment.task
            ));
        }
        let words = template.filled(assignment);
        run(&words, self.timeout).map_err(|error| format!("{}: cannot be run: {error}", words[0]))
    }
}

/// Runs a command and waits until it ends.
fn run(words: &[String], timeout: Duration) -> std::io::Result<ClientOutcome> {
    let mut child = Command::new(&words[0])
        .args(&words[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let (output, complaints) = (drain(child.stdout.take()), drain(child.stderr.take()));
    let status = wait(&mut child, timeout)?;
    // CommandDriver started by the program may hold its output open; they are not waited for.
    let read = |from: &mpsc::Receiver<Vec<u8>>| from.recv_timeout(Duration::from_secs(10)).unwrap_or_default();
    let (output, complaints) = (read(&output), read(&complaints));
    let complaints = String::from_utf8_lossy(&complaints);
    let last = complaints.lines().rev().find(|line| !line.trim().is_empty());
    let words_of_client = last.map(|line| crate::json::shorten(line.trim(), MOST_WORDS));
    let ending = match status {
        None => Ending::TimedOut(timeout),
        Some(status) => ending(status, &complaints),
    };
    let answer = serde_json::from_slice(&output).ok().filter(|_| ending == Ending::Succeeded);
    Ok(ClientOutcome { ending, answer, words: words_of_client, command: quoted(words) })
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

/// Formats words as a shell command.
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

    fn assignment() -> Assignment {
        let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        Assignment {
            scenario: "plain",
            task: "costs",
            uri: "http://h/d".into(),
            values: BTreeMap::from([("from", list(&["ipv4:1"])), ("to", list(&["a", "b"])), ("most", Vec::new())]),
            required: vec!["from", "to"],
            forbidden: Vec::new(),
        }
    }

    fn shell(script: &str) -> ClientOutcome {
        let words = ["sh", "-c", script, "sh", "{uri}", "{from}", "{to}"].map(str::to_owned).to_vec();
        let mut programs = CommandDriver {
            by_task: BTreeMap::from([("costs".to_owned(), CommandTemplate::new(words).unwrap())]),
            otherwise: None,
            timeout: Duration::from_mins(1),
        };
        programs.attempt(&assignment()).unwrap()
    }

    #[test]
    fn values_are_put_in_their_places() {
        let template = "get '{uri}' --most={most} --to={to} \"{to} x\" {to} '' '{\"{from}\":{}}'";
        let template: CommandTemplate = template.parse().unwrap();
        let filled = template.filled(&assignment());
        let expected = ["get", "http://h/d", "--most=", "--to=a,b", "a,b x", "a", "b", "", "{\"ipv4:1\":{}}"];
        assert_eq!(filled, expected);
        assert_eq!(quoted(&filled[..3]), "get http://h/d --most=");
        assert_eq!("".parse::<CommandTemplate>(), Err(CommandTemplateError::Empty));
        assert!(matches!("a {uri} 'b".parse::<CommandTemplate>(), Err(CommandTemplateError::Quote(_))));
        assert!(matches!("a {url}".parse::<CommandTemplate>(), Err(CommandTemplateError::Unknown(..))));
        assert!(matches!("a b".parse::<CommandTemplate>(), Err(CommandTemplateError::NoUri(_))));
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
        let words = ["sh", "-c", "exec yes; : {uri}"].map(str::to_owned).to_vec();
        let mut programs = CommandDriver {
            by_task: BTreeMap::new(),
            otherwise: Some(CommandTemplate { words }),
            timeout: Duration::from_millis(100),
        };
        let mut asked = assignment();
        asked.required.clear();
        assert!(matches!(programs.attempt(&asked).unwrap().ending, Ending::TimedOut(_)));
        assert!(programs.attempt(&assignment()).unwrap_err().contains("{from}"));
    }
}
