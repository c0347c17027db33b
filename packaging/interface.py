"""The command line of a program, as its own help describes it: subcommands, options and texts."""
import dataclasses
import re
import subprocess

TIMEOUT = 30
# What it is, by name and version, and in one sentence.
FIRST_LINE = re.compile(r"^([a-z0-9 -]+) (\d\S*): (.*)$")
# A heading stands alone at the beginning of a line.
HEADING = re.compile(r"^([A-Z][A-Z /&-]*):$")
# A list of options begins with one; a text may begin with the name of an option, too, but goes on after it.
OPTION = re.compile(r"^\s+(?:-\w, +)?--?[\w-]+(?: <.*|\s{2,}.*)?$")
# Sections with an entry for each option, argument or subcommand; other sections are texts.
LISTS = ("OPTIONS", "ARGS", "FLAGS", "SUBCOMMANDS")


@dataclasses.dataclass
class Interface:
    """A program or one of its subcommands."""

    argv: list[str]
    # Name of the man page: the words of the command, with hyphens.
    page: str
    version: str
    about: str
    usage: list[str]
    # Title and entries (term and description) of each list.
    lists: list[tuple[str, list[tuple[str, str]]]]
    # Title and lines of each text.
    texts: list[tuple[str, list[str]]]
    # Lines under no heading.
    notes: list[str]
    subcommands: list["Interface"]

    def options(self) -> dict[str, bool]:
        """Options by name, with whether a value follows."""
        found = {}
        for title, entries in self.lists:
            if title in ("ARGS", "SUBCOMMANDS"):
                continue
            for term, _ in entries:
                for name in re.findall(r"(?:^|[ ,])(--?[A-Za-z][A-Za-z0-9-]*)", term):
                    found[name] = "<" in term
        return found

    def takes_arguments(self) -> bool:
        """Tells whether there are arguments other than options and subcommands."""
        return any(title == "ARGS" for title, _ in self.lists)


def read_interface(argv: list[str]) -> Interface:
    """Reads the help of a program, and that of its subcommands."""
    done = subprocess.run([*argv, "--help"], capture_output=True, text=True, check=True, timeout=TIMEOUT)
    lines = done.stdout.rstrip().split("\n")
    first = FIRST_LINE.match(lines[0])
    if not first:
        raise ValueError(f"{' '.join(argv)} --help: the first line does not say what this is: {lines[0]}")
    page, version = first.group(1).replace(" ", "-"), first.group(2)
    head, sections = split_sections(lines[1:])
    about, usage, lists, texts, notes = "\n".join([first.group(3), *head]).strip(), [], [], [], []
    for title, body in sections:
        if title == "USAGE":
            usage = [line.strip() for line in body if line.strip()]
            continue
        # What stands at the beginning of a line belongs to no section.
        inside = [line for line in body if line.startswith(" ") or not line]
        outside = [line for line in body if not line.startswith(" ")]
        if title in LISTS or has_options(inside):
            lists.append((title, entries(inside)))
        else:
            texts.append((title, trimmed(inside)))
        if any(outside):
            notes += [*trimmed(outside), ""]
    names = [term.split()[0] for title, found in lists if title == "SUBCOMMANDS" for term, _ in found]
    subcommands = [read_interface([*argv, name]) for name in names if name not in ("help", "completions")]
    return Interface(argv, page, version, about, usage, lists, texts, trimmed(notes), subcommands)


def split_sections(lines: list[str]) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """The lines before the first heading, and those below each."""
    head, sections = [], []
    for line in lines:
        heading = HEADING.match(line)
        if heading:
            sections.append((heading.group(1), []))
        elif sections:
            sections[-1][1].append(line)
        else:
            head.append(line)
    return head, sections


def has_options(lines: list[str]) -> bool:
    return bool(OPTION.match(next((line for line in lines if line.strip()), "")))


def entries(lines: list[str]) -> list[tuple[str, str]]:
    """Terms with their descriptions. A description is indented deeper than its term, or follows it after two spaces."""
    found: list[tuple[str, str]] = []
    for line in lines:
        if not line.strip():
            continue
        term, _, text = line.strip().partition("  ")
        indent = len(line) - len(line.lstrip())
        is_term = indent < 12 and (term.startswith(("-", "<", "[")) or indent == 4)
        if is_term or not found:
            found.append((term, text.strip()))
        else:
            last, before = found[-1]
            found[-1] = (last, f"{before} {line.strip()}".strip())
    return found


def trimmed(lines: list[str]) -> list[str]:
    """Lines without blank ones at both ends."""
    text = "\n".join(lines).strip("\n")
    return text.split("\n") if text else []
