//! What an engine asks for of a tree, by include and exclude patterns: fsutil's `NewFilterFS`.
//!
//! Both lists are patterns of moby/patternmatcher. A path is kept when the include patterns match it or a folder that it
//! lies in, and the exclude patterns do not. Folders around what is kept come along.

use super::ignore::{BadLine, Ignore, Verdict, lineage};

/// The patterns of one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// `None` keeps all; an empty list keeps nothing.
    include: Option<Ignore>,
    exclude: Ignore,
}

/// What a filter says of one folder or file, kept to judge what lies in it. The default is that of the root.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    include: Verdict,
    exclude: Verdict,
}

impl Filter {
    /// Takes the patterns in the order in which they were sent.
    ///
    /// # Errors
    /// The first pattern that cannot be used.
    pub fn new<'a>(
        include: Option<impl IntoIterator<Item = &'a [u8]>>,
        exclude: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Self, BadLine> {
        let include = include.map(Ignore::from_patterns).transpose()?;
        Ok(Self { include, exclude: Ignore::from_patterns(exclude)? })
    }

    /// The same without its exclude patterns when they are those of this ignore file, so that nothing is judged twice.
    #[must_use]
    pub fn beside(&self, ignore: &Ignore) -> Self {
        let exclude = if self.exclude == *ignore { Ignore::default() } else { self.exclude.clone() };
        Self { include: self.include.clone(), exclude }
    }

    /// Whether it keeps everything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.include.is_none() && self.exclude.is_empty()
    }

    /// Judges a path when its parent has been judged.
    #[must_use]
    pub fn judge(&self, path: &[u8], parent: &Asked) -> Asked {
        Asked {
            include: self.include.as_ref().map(|rules| rules.judge(path, &parent.include)).unwrap_or_default(),
            exclude: self.exclude.judge(path, &parent.exclude),
        }
    }

    /// Judges a path of which no parent has been judged.
    #[must_use]
    pub fn judge_whole(&self, path: &[u8]) -> Asked {
        lineage(path).fold(Asked::default(), |parent, path| self.judge(path, &parent))
    }

    /// Whether the judged path is kept.
    #[must_use]
    pub fn keeps(&self, asked: &Asked) -> bool {
        self.includes(asked) && !asked.exclude.is_excluded()
    }

    /// Whether something below the judged folder could be kept, though the folder is not.
    #[must_use]
    pub fn may_keep_below(&self, folder: &[u8], asked: &Asked) -> bool {
        let may_include = || self.include.as_ref().is_some_and(|rules| rules.may_change_below(folder, &asked.include));
        (!asked.exclude.is_excluded() || self.exclude.may_change_below(folder, &asked.exclude))
            && (self.includes(asked) || may_include())
    }

    fn includes(&self, asked: &Asked) -> bool {
        self.include.is_none() || asked.include.is_excluded()
    }
}
