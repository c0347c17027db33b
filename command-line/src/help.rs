//! Help texts: a first line that says what the program is, then commands, then options below headings.
//!
//! `clap` 2 has no headings for options, so each part of a text is what it writes for a copy with only some of the options.

use structopt::clap::{App, AppSettings, ArgSettings};

/// Heading in the help texts of a program, and the options below it.
#[derive(Clone, Copy, Debug)]
pub struct Section {
    /// Heading in capitals, without a colon.
    pub title: &'static str,
    /// Long names of options, without hyphens. A `*` at the end or beginning stands for anything.
    pub options: &'static [&'static str],
}

impl Section {
    fn has(&self, option: Option<&str>) -> bool {
        option.is_some_and(|option| self.options.iter().any(|pattern| matches(pattern, option)))
    }
}

fn matches(pattern: &str, option: &str) -> bool {
    if let Some(beginning) = pattern.strip_suffix('*') {
        option.starts_with(beginning)
    } else if let Some(end) = pattern.strip_prefix('*') {
        option.ends_with(end)
    } else {
        option == pattern
    }
}

/// Help texts of a program and of all its commands, each before those of its own commands.
pub(crate) fn texts(app: &App<'_, '_>, sections: &[Section]) -> Vec<String> {
    let mut texts = Vec::new();
    collect(app, app.get_name(), sections, &mut texts);
    texts
}

fn collect(app: &App<'_, '_>, path: &str, sections: &[Section], texts: &mut Vec<String>) {
    texts.push(text(app, path, sections));
    for command in &app.p.subcommands {
        collect(command, &format!("{path} {}", command.get_name()), sections, texts);
    }
}

/// Gives a program and all its commands their help texts, which come in the order of [`texts`].
pub(crate) fn install<'b>(app: &mut App<'_, 'b>, texts: &mut std::slice::Iter<'b, String>) {
    app.p.meta.help_str = texts.next().map(String::as_str);
    for command in &mut app.p.subcommands {
        install(command, texts);
    }
}

fn text(app: &App<'_, '_>, path: &str, sections: &[Section]) -> String {
    let mut app = app.clone().bin_name(path).setting(AppSettings::UnifiedHelpMessage);
    app.p.create_help_and_version();
    for base in app.p.flags.iter_mut().map(|flag| &mut flag.b).chain(app.p.opts.iter_mut().map(|option| &mut option.b))
    {
        base.help = base.long_help.or(base.help);
    }
    let about = app.p.meta.long_about.or(app.p.meta.about).unwrap_or_default();
    let (what, more) = about.split_once("\n\n").unwrap_or((about, ""));
    let version = app.p.meta.version.map(|version| format!(" {version}")).unwrap_or_default();
    let mut text = format!("{path}{version}: {}\n", what.replace('\n', " ").trim_end_matches('.'));
    append(&mut text, more);
    append(&mut text, &format!("USAGE:\n    {}", usage(&app, path)));
    append_section(&mut text, "SUBCOMMANDS", &part(&app, "{subcommands}"));
    append_section(&mut text, "ARGS", &part(&app, "{positionals}"));
    append_section(&mut text, "OPTIONS", &options(&app, sections, None));
    for index in 0..sections.len() {
        append_section(&mut text, sections[index].title, &options(&app, sections, Some(index)));
    }
    append(&mut text, app.p.meta.more_help.unwrap_or_default());
    text
}

/// Usage in one line. The parser forgets to say that there are options where all of them take values.
fn usage(app: &App<'_, '_>, path: &str) -> String {
    let usage = part(app, "{usage}");
    let any = app.p.opts.iter().any(|option| !option.b.is_set(ArgSettings::Required));
    if any && !usage.contains("[OPTIONS]") { usage.replacen(path, &format!("{path} [OPTIONS]"), 1) } else { usage }
}

/// Options of the section with this index, or those of no section. An option belongs to the first section that has it.
fn options(app: &App<'_, '_>, sections: &[Section], index: Option<usize>) -> String {
    let mut app = app.clone();
    let wanted = |long: Option<&str>| sections.iter().position(|section| section.has(long)) == index;
    app.p.flags.retain(|flag| wanted(flag.s.long));
    app.p.opts.retain(|option| wanted(option.s.long));
    part(&app, "{unified}")
}

/// What the parser writes for a template.
fn part<'b>(app: &App<'_, 'b>, template: &'b str) -> String {
    let mut text = Vec::new();
    // Writing to memory does not fail.
    let _ = app.clone().template(template).write_help(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

fn append_section(text: &mut String, title: &str, body: &str) {
    if !body.trim().is_empty() {
        append(text, &format!("{title}:\n{}", body.trim_start_matches('\n')));
    }
}

fn append(text: &mut String, part: &str) {
    if !part.trim().is_empty() {
        text.push('\n');
        text.push_str(part.trim_end());
        text.push('\n');
    }
}
