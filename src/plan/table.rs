//! The findings of a scan as people read them.

use crate::aws::{Finding, Findings};
use crate::config::Severity;

/// The most characters of a cell: names of packages can be whole paths.
const WIDEST: usize = 40;

const HEAD: [&str; 5] = ["SEVERITY", "ID", "PACKAGE", "INSTALLED", "FIXED IN"];

/// A line for each of the worst findings at this severity or above, the worst first, with a line above and one for those
/// that are left out. Nothing when there are none.
#[must_use]
pub fn table(findings: &Findings, floor: Severity) -> Vec<String> {
    let listed: Vec<&Finding> = findings.worst().iter().filter(|finding| finding.severity >= floor).collect();
    let mut rows = vec![HEAD.map(str::to_owned)];
    rows.extend(listed.iter().map(|finding| row(finding)));
    let widths: Vec<usize> =
        (0..HEAD.len()).map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)).collect();
    let mut lines = Vec::new();
    if !listed.is_empty() {
        lines.extend(rows.iter().map(|row| {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        }));
    }
    let more = findings.count_from(floor).saturating_sub(listed.len() as u64);
    match (more, listed.len()) {
        (0, _) => {}
        (more, 0) => lines.push(format!("{more} that ECR counts but does not list")),
        (more, _) => lines.push(format!("and {more} more at {floor} or above")),
    }
    lines
}

fn row(finding: &Finding) -> [String; 5] {
    let fixed_in = finding.fixed_in.clone().unwrap_or_default();
    let cells = [&finding.id, &finding.package, &finding.installed, &fixed_in].map(|cell| match cell.as_str() {
        "" => "-".to_owned(),
        cell if cell.chars().count() > WIDEST => cell.chars().take(WIDEST - 1).chain(['…']).collect(),
        cell => cell.to_owned(),
    });
    let [id, package, installed, fixed_in] = cells;
    [finding.severity.to_string(), id, package, installed, fixed_in]
}

/// `2 CRITICAL, 13 HIGH`: how many there are of each severity from this one on, the worst first; `no findings`.
#[must_use]
pub fn summary(findings: &Findings, floor: Severity) -> String {
    let counts = Severity::ALL.into_iter().filter(|severity| *severity >= floor);
    let counts = counts.map(|severity| (findings.count(severity), severity)).filter(|(count, _)| *count > 0);
    let words: Vec<String> = counts.map(|(count, severity)| format!("{count} {severity}")).collect();
    if words.is_empty() { "no findings".to_owned() } else { words.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(severity: Severity, id: &str, package: &str, versions: (&str, Option<&str>)) -> Finding {
        let fixed_in = versions.1.map(str::to_owned);
        Finding { severity, id: id.to_owned(), package: package.to_owned(), installed: versions.0.to_owned(), fixed_in }
    }

    fn findings(all: Vec<Finding>) -> Findings {
        let mut findings = Findings::new(Severity::High);
        for finding in all {
            findings.add(finding);
        }
        findings.settle();
        findings
    }

    #[test]
    fn the_table_has_the_worst_first_and_only_what_the_gate_is_about() {
        let path = "github.com/an-organisation/with-a-name/that-goes-on";
        let found = findings(vec![
            finding(Severity::High, "CVE-2024-2", "zlib1g", ("1:1.2.13.dfsg-1", None)),
            finding(Severity::Low, "CVE-2010-4756", "glibc", ("2.36-9", None)),
            finding(Severity::Critical, "CVE-2024-1", path, ("v1.0.0", Some("v1.0.1"))),
            finding(Severity::High, "CVE-2024-10", "openssl, libssl3", ("3.0.2", Some("3.0.9"))),
        ]);
        insta::assert_snapshot!(table(&found, Severity::High).join("\n"), @r"
        SEVERITY  ID           PACKAGE                                   INSTALLED        FIXED IN
        CRITICAL  CVE-2024-1   github.com/an-organisation/with-a-name/…  v1.0.0           v1.0.1
        HIGH      CVE-2024-10  openssl, libssl3                          3.0.2            3.0.9
        HIGH      CVE-2024-2   zlib1g                                    1:1.2.13.dfsg-1  -
        ");
        assert_eq!(summary(&found, Severity::High), "1 CRITICAL, 2 HIGH");
        assert_eq!(summary(&found, Severity::Undefined), "1 CRITICAL, 2 HIGH, 1 LOW");
    }

    #[test]
    fn no_finding_is_no_table() {
        let none = findings(vec![finding(Severity::Low, "CVE-1", "a", ("1", None))]);
        assert_eq!(table(&none, Severity::High), Vec::<String>::new());
        assert_eq!(summary(&findings(Vec::new()), Severity::Undefined), "no findings");
    }

    #[test]
    fn a_long_table_ends_with_the_number_of_those_left_out() {
        let many = (0..120).map(|number| finding(Severity::High, &format!("CVE-{number:03}"), "a", ("1", None)));
        let lines = table(&findings(many.collect()), Severity::High);
        assert_eq!(lines.len(), 52);
        assert_eq!(lines[51], "and 70 more at HIGH or above");
    }
}
