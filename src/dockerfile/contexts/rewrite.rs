//! Each instruction with the named contexts put in.

use super::VIRTUAL_CONTEXT;
use super::catalogue::{Catalogue, Kind};
use super::edits::Edits;
use super::mount::Mount;
use super::path::{Moved, below, below_with_parents, is_remote};
use crate::dockerfile::flag::Flag;
use crate::dockerfile::stage::Names;
use crate::dockerfile::{Base, Dockerfile, Error, Instruction, Stage};

/// One run over the Dockerfile.
pub(super) struct Rewrite<'a> {
    dockerfile: &'a Dockerfile,
    catalogue: &'a Catalogue,
    bases: &'a [Base],
    names: Names<'a>,
    /// Whether the main context is served below a virtual folder.
    moved: bool,
    pub(super) edits: Edits<'a>,
    /// By the context's number.
    pub(super) used: Vec<bool>,
}

impl<'a> Rewrite<'a> {
    pub(super) fn new(dockerfile: &'a Dockerfile, catalogue: &'a Catalogue, bases: &'a [Base], moved: bool) -> Self {
        Self {
            dockerfile,
            catalogue,
            bases,
            names: Names::of(&dockerfile.stages),
            moved,
            edits: Edits::of(&dockerfile.source),
            used: vec![false; catalogue.len()],
        }
    }

    pub(super) fn run(mut self) -> Result<Self, Error> {
        for (number, stage) in self.dockerfile.stages.iter().enumerate() {
            let overriding = stage.name.as_deref().and_then(|name| self.find(name));
            self.base(number, stage, overriding.as_ref());
            for instruction in self.dockerfile.body(stage) {
                if overriding.is_some() {
                    self.edits.comment_out(instruction);
                } else if instruction.onbuild {
                    self.trigger(number, instruction)?;
                } else {
                    self.instruction(instruction)?;
                }
            }
        }
        Ok(self)
    }

    /// The context of a name, which is then used.
    fn find(&mut self, name: &str) -> Option<Kind> {
        let (number, kind) = self.catalogue.find(name)?;
        if let Some(used) = self.used.get_mut(number) {
            *used = true;
        }
        Some(kind.clone())
    }

    /// The context that `--from` or `from=` means: through the stage of that name, or in place of the image.
    fn find_from(&mut self, from: &str) -> Option<Kind> {
        match self.names.find(from).and_then(|number| self.dockerfile.stages.get(number)) {
            Some(stage) => self.find(stage.name.as_deref()?),
            None => self.find(from),
        }
    }

    fn base(&mut self, number: usize, stage: &Stage, overriding: Option<&Kind>) {
        let named = match (overriding, self.bases.get(number)) {
            (Some(kind), _) => Some(kind.clone()),
            (None, Some(Base::Image(image))) => self.find(image),
            _ => None,
        };
        let (Some(kind), Some(from)) = (named, self.dockerfile.instructions.get(stage.from)) else { return };
        match kind {
            Kind::Image(reference) => self.edits.replace(from, &stage.base_range, &reference),
            Kind::Folder(folder) => {
                self.edits.replace(from, &stage.base_range, "scratch");
                self.edits.insert_line(from, &format!("COPY {}/ /", folder.path));
            }
        }
    }

    /// `ONBUILD`: for builds of others, which have contexts of their own, so it stays as it is.
    fn trigger(&mut self, stage: usize, instruction: &Instruction) -> Result<(), Error> {
        let runs_here = self.bases.contains(&Base::Stage(stage));
        let used = self.used.clone();
        let edits = std::mem::replace(&mut self.edits, Edits::of(&self.dockerfile.source));
        let rewritten = self.instruction(instruction);
        let changed = self.edits.any() || rewritten.is_err();
        self.edits = edits;
        self.used = used;
        if runs_here && changed { Err(Error::Onbuild { line: instruction.line }) } else { Ok(()) }
    }

    fn instruction(&mut self, instruction: &Instruction) -> Result<(), Error> {
        match instruction.command.keyword.as_str() {
            "COPY" | "ADD" => self.copy(instruction),
            "RUN" => {
                let mounts = instruction.command.flags.iter().filter(|flag| flag.name == "mount");
                mounts.into_iter().try_for_each(|flag| self.mount(instruction, flag))
            }
            _ => Ok(()),
        }
    }

    fn copy(&mut self, instruction: &Instruction) -> Result<(), Error> {
        let is_copy = instruction.command.keyword == "COPY";
        let flag = instruction.command.flags.iter().find(|flag| is_copy && flag.name == "from");
        let folder = match flag.and_then(|flag| Some((flag, flag.value.as_deref()?))) {
            None => self.moved.then(|| VIRTUAL_CONTEXT.to_owned()),
            // A number is that of a stage, whatever the contexts are called.
            Some((_, from)) if from.parse::<i64>().is_ok() => None,
            Some((flag, from)) => match self.find_from(from) {
                None => None,
                Some(Kind::Image(reference)) => {
                    self.edits.replace(instruction, &flag.range, &format!("--from={reference}"));
                    None
                }
                Some(Kind::Folder(folder)) => {
                    let space = usize::from(instruction.text.get(flag.range.end) == Some(&b' '));
                    self.edits.replace(instruction, &(flag.range.start..flag.range.end + space), "");
                    Some(folder.path)
                }
            },
        };
        let Some(folder) = folder else { return Ok(()) };
        let parents = instruction.command.flags.iter().any(|flag| flag.name == "parents" && flag.is_on());
        let mut paths = instruction.paths();
        paths.pop();
        for path in paths {
            if instruction.is_here_document(&path.text) || is_remote(&path.text) {
                continue;
            }
            let is_variable = path.text.trim_start_matches(['"', '\'']).starts_with('$');
            if !is_copy && is_variable {
                return Err(Error::AddVariable { line: instruction.line, path: path.text });
            }
            let moved = if parents { below_with_parents(&folder, &path.text) } else { below(&folder, &path.text) };
            match moved {
                Moved::Before(text) => self.edits.insert(instruction, path.range.start, &text),
                Moved::Instead(text) => self.edits.replace(instruction, &path.range, &text),
            }
        }
        Ok(())
    }

    fn mount(&mut self, instruction: &Instruction, flag: &Flag) -> Result<(), Error> {
        let value = flag.value.as_deref().unwrap_or_default();
        let mut mount = Mount::of(value);
        let named = match mount.from().map(|from| self.find_from(from)) {
            None if self.moved => None,
            Some(Some(kind)) => Some(kind),
            _ => return Ok(()),
        };
        let line = instruction.line;
        let kind = mount.kind();
        match (named, kind.as_str()) {
            (Some(Kind::Image(reference)), _) => mount.take_image(&reference),
            (Some(Kind::Folder(folder)), "bind") => mount.take_folder(&folder.path),
            (None, "bind") => mount.take_folder(VIRTUAL_CONTEXT),
            (_, kind) if kind.contains('$') => return Err(Error::Mount { line, what: "a variable as its type" }),
            (Some(Kind::Folder(folder)), "cache") => return Err(Error::CacheFrom { line, name: folder.name }),
            _ => return Ok(()),
        }
        // By the rules of CSV a comma may stand within them.
        if value.contains('"') {
            return Err(Error::Mount { line, what: "quotes inside" });
        }
        let text = mount.flag(char::from(self.dockerfile.directives.escape));
        self.edits.replace(instruction, &flag.range, &text);
        Ok(())
    }
}
