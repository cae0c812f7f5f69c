//! The examples of README and `docs/`, taken out of them and run: a step in a lab that has the account the examples name, the pipe a
//! container that the step's engine runs.

mod bitbucket;
mod found;
mod plain;
mod step;
mod table;

pub(crate) use found::Example;
use step::Step;
pub(crate) use step::yaml;
use table::{FIXTURES, NOT_RUN};

/// All of them are tried, so that one run tells of every example that is wrong.
#[test]
fn every_example_of_a_pipe_in_the_documents_does_what_it_says() {
    let mut wrong = Vec::new();
    for example in Example::all() {
        let at = example.at();
        if NOT_RUN.iter().any(|(name, _)| *name == at) {
            continue;
        }
        let fixture = FIXTURES.iter().find(|fixture| fixture.at == at);
        match fixture
            .ok_or("it has no row in tests/it/examples/table.rs".to_owned())
            .and_then(|fixture| Step::new(&example, fixture).run())
        {
            Ok(()) => {}
            Err(why) => wrong.push(format!("── {at}: {why}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn every_row_of_the_table_belongs_to_an_example() {
    let found: Vec<String> = Example::all().iter().map(Example::at).collect();
    let rows = FIXTURES.iter().map(|fixture| fixture.at).chain(NOT_RUN.iter().map(|(at, _)| *at));
    let without: Vec<&str> = rows.filter(|at| !found.iter().any(|other| other == at)).collect();
    assert!(without.is_empty(), "{without:?} of {found:?}");
}
