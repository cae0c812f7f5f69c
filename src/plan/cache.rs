//! Which images of the repository may serve as a cache: the nearest relatives of what is built.

use crate::config::Bitbucket;
use crate::image::Tag;

/// Usual names of a default branch, which Bitbucket does not tell.
const DEFAULT_BRANCHES: [&str; 2] = ["main", "master"];

/// The most tags that are looked at: each costs a request.
const MOST: usize = 8;

/// The tags to look for, best first: those that will be pushed, then that of the branch, of the branch that a pull request
/// goes to, and of the default branch.
#[must_use]
pub fn cache_tags(tags: &[Tag], bitbucket: &Bitbucket) -> Vec<Tag> {
    let branches = [&bitbucket.branch, &bitbucket.destination_branch].into_iter().flatten().map(String::as_str);
    let of_branches = branches.chain(DEFAULT_BRANCHES).filter_map(Tag::nearest);
    let mut found: Vec<Tag> = Vec::new();
    for tag in tags.iter().cloned().chain(of_branches) {
        if !found.contains(&tag) {
            found.push(tag);
        }
    }
    found.truncate(MOST);
    found
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn the_nearest_relatives_come_first_and_each_once() {
        let bitbucket = Bitbucket {
            branch: Some("feature/a".to_owned()),
            destination_branch: Some("main".to_owned()),
            ..Bitbucket::default()
        };
        let tags = cache_tags(&["1.2".parse().unwrap(), "feature-a".parse().unwrap()], &bitbucket);
        let tags: Vec<&str> = tags.iter().map(Tag::as_str).collect();
        assert_eq!(tags, ["1.2", "feature-a", "main", "master"]);
    }

    #[test]
    fn no_more_than_eight_are_looked_for() {
        let tags: Vec<Tag> = (0..20).map(|number| number.to_string().parse().unwrap()).collect();
        assert_eq!(cache_tags(&tags, &Bitbucket::default()).len(), 8);
    }
}
