//! The findings of a scan, of basic and of enhanced scanning alike: the worst by name, the others by number.

use aws_sdk_ecr::types::{EnhancedImageScanFinding, ImageScanFinding, ImageScanFindings, VulnerablePackage};

use crate::config::Severity;

/// How many findings are kept by name.
pub const KEPT: usize = 50;

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// `CVE-2024-1234`, or the name that its source gives it.
    pub id: String,
    /// The package that has it; several with commas between them.
    pub package: String,
    /// The version of the package in the image.
    pub installed: String,
    /// The version that does not have it any more. `None` when there is none, or none is told.
    pub fixed_in: Option<String>,
}

/// The findings of one image. It keeps few of them, so that memory is flat in their number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Findings {
    /// From which severity on findings are kept by name.
    floor: Severity,
    kept: Vec<Finding>,
    /// By severity, as many as were listed; of these, those that are suppressed; and as many as the answer says there are.
    listed: [u64; Severity::ALL.len()],
    suppressed: [u64; Severity::ALL.len()],
    told: [u64; Severity::ALL.len()],
}

impl Findings {
    /// None yet.
    #[must_use]
    pub fn new(floor: Severity) -> Self {
        Self { floor, kept: Vec::new(), listed: [0; 6], suppressed: [0; 6], told: [0; 6] }
    }

    /// Adds one.
    pub fn add(&mut self, finding: Finding) {
        self.listed[finding.severity as usize] += 1;
        if finding.severity >= self.floor {
            self.kept.push(finding);
            if self.kept.len() >= 2 * KEPT {
                self.settle();
            }
        }
    }

    /// How many there are of a severity. What the answer counts but does not list counts too: a list may be cut short.
    #[must_use]
    pub fn count(&self, severity: Severity) -> u64 {
        let at = severity as usize;
        self.listed[at] - self.suppressed[at] + self.told[at].saturating_sub(self.listed[at])
    }

    /// How many there are of this severity or above.
    #[must_use]
    pub fn count_from(&self, floor: Severity) -> u64 {
        Severity::ALL.into_iter().filter(|severity| *severity >= floor).map(|severity| self.count(severity)).sum()
    }

    /// The worst by name, at most [`KEPT`], the worst first.
    #[must_use]
    pub fn worst(&self) -> &[Finding] {
        &self.kept[..self.kept.len().min(KEPT)]
    }

    /// Adds a page of an answer.
    pub(super) fn page(&mut self, page: &ImageScanFindings) {
        for (severity, count) in page.finding_severity_counts().into_iter().flatten() {
            let at = Severity::of_finding(severity.as_str()) as usize;
            // Each page says the same of the whole.
            self.told[at] = self.told[at].max(u64::try_from(*count).unwrap_or_default());
        }
        for finding in page.findings() {
            self.add(basic(finding));
        }
        for finding in page.enhanced_findings() {
            self.add_enhanced(finding);
        }
    }

    /// A rule of Amazon Inspector may have suppressed the finding, or it is one that the image had before.
    fn add_enhanced(&mut self, finding: &EnhancedImageScanFinding) {
        let found = enhanced(finding);
        match finding.status() {
            Some("SUPPRESSED" | "CLOSED") => {
                self.listed[found.severity as usize] += 1;
                self.suppressed[found.severity as usize] += 1;
            }
            _ => self.add(found),
        }
    }

    /// Sorts, and drops what will not be shown. To be called when all have been added.
    pub(crate) fn settle(&mut self) {
        self.kept.sort_by(|one, other| {
            (other.severity, &one.id, &one.package).cmp(&(one.severity, &other.id, &other.package))
        });
        self.kept.truncate(KEPT);
    }
}

/// A finding of basic scanning: the package is among its attributes (ECR user guide, "Basic scanning").
fn basic(finding: &ImageScanFinding) -> Finding {
    let attribute = |key: &str| {
        let found = finding.attributes().iter().find(|attribute| attribute.key() == key);
        found.and_then(|attribute| attribute.value()).unwrap_or_default().to_owned()
    };
    Finding {
        severity: Severity::of_finding(finding.severity().map_or("", |severity| severity.as_str())),
        id: finding.name().unwrap_or_default().to_owned(),
        package: attribute("package_name"),
        installed: attribute("package_version"),
        fixed_in: None,
    }
}

/// A finding of Amazon Inspector.
fn enhanced(finding: &EnhancedImageScanFinding) -> Finding {
    let details = finding.package_vulnerability_details();
    let packages =
        details.map(aws_sdk_ecr::types::PackageVulnerabilityDetails::vulnerable_packages).unwrap_or_default();
    let joined = |value: fn(&VulnerablePackage) -> Option<String>| {
        let mut distinct: Vec<String> = Vec::new();
        for value in packages.iter().filter_map(value).filter(|value| !value.is_empty()) {
            if !distinct.contains(&value) {
                distinct.push(value);
            }
        }
        distinct.join(", ")
    };
    let fixed_in = joined(|package| {
        // What Inspector says where there is no fix.
        package.fixed_in_version().filter(|version| *version != "NotAvailable").map(str::to_owned)
    });
    Finding {
        severity: Severity::of_finding(finding.severity().unwrap_or_default()),
        id: details.and_then(|details| details.vulnerability_id()).or(finding.title()).unwrap_or_default().to_owned(),
        package: joined(|package| package.name().map(str::to_owned)),
        installed: joined(version),
        fixed_in: Some(fixed_in).filter(|versions| !versions.is_empty()),
    }
}

/// `[epoch:]version[-release]`, as package managers write it.
fn version(package: &VulnerablePackage) -> Option<String> {
    let version = package.version()?;
    let epoch = package.epoch().filter(|epoch| *epoch != 0).map(|epoch| format!("{epoch}:")).unwrap_or_default();
    let release = package.release().filter(|release| !release.is_empty());
    Some(format!("{epoch}{version}{}", release.map(|release| format!("-{release}")).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use aws_sdk_ecr::types::{FindingSeverity, PackageVulnerabilityDetails};
    use proptest::prelude::*;

    use super::*;

    fn finding(severity: Severity, id: &str) -> Finding {
        let (package, installed) = ("zlib".to_owned(), "1.2".to_owned());
        Finding { severity, id: id.to_owned(), package, installed, fixed_in: None }
    }

    fn package(name: &str) -> VulnerablePackage {
        VulnerablePackage::builder().name(name).version("3.0.2").release("1").epoch(1).fixed_in_version("3.0.9").build()
    }

    #[test]
    fn a_finding_of_inspector_names_its_packages_once_each() {
        let details = PackageVulnerabilityDetails::builder()
            .vulnerability_id("CVE-1")
            .vulnerable_packages(package("openssl"))
            .vulnerable_packages(package("libssl3"))
            .build();
        let found = EnhancedImageScanFinding::builder()
            .severity("UNTRIAGED")
            .title("CVE-1 - openssl")
            .package_vulnerability_details(details)
            .build();
        let expected = Finding {
            severity: Severity::Undefined,
            id: "CVE-1".to_owned(),
            package: "openssl, libssl3".to_owned(),
            installed: "1:3.0.2-1".to_owned(),
            fixed_in: Some("3.0.9".to_owned()),
        };
        assert_eq!(enhanced(&found), expected);
    }

    #[test]
    fn a_finding_of_inspector_without_a_package_has_its_title() {
        let found = EnhancedImageScanFinding::builder().severity("HIGH").title("Code").build();
        assert_eq!(
            enhanced(&found),
            Finding { package: String::new(), installed: String::new(), ..finding(Severity::High, "Code") }
        );
    }

    #[test]
    fn no_fix_is_no_version() {
        let without = VulnerablePackage::builder().name("a").version("1").fixed_in_version("NotAvailable").build();
        let details = PackageVulnerabilityDetails::builder().vulnerable_packages(without).build();
        let found = EnhancedImageScanFinding::builder().package_vulnerability_details(details).build();
        assert_eq!(enhanced(&found).fixed_in, None);
        assert_eq!(enhanced(&found).installed, "1");
    }

    #[test]
    fn a_suppressed_finding_counts_neither_as_listed_nor_as_told() {
        let mut findings = Findings::new(Severity::Low);
        let suppressed = EnhancedImageScanFinding::builder().severity("HIGH").status("SUPPRESSED").build();
        let page = ImageScanFindings::builder()
            .enhanced_findings(suppressed)
            .finding_severity_counts(FindingSeverity::High, 1)
            .build();
        findings.page(&page);
        assert_eq!(findings.count(Severity::High), 0);
        assert_eq!(findings.worst(), []);
    }

    #[test]
    fn what_is_counted_but_not_listed_counts() {
        let mut findings = Findings::new(Severity::Low);
        let counts = |high| ImageScanFindings::builder().finding_severity_counts(FindingSeverity::High, high).build();
        findings.page(&counts(3));
        findings.page(&counts(3));
        assert_eq!(findings.count(Severity::High), 3);
        findings.add(finding(Severity::High, "CVE-1"));
        assert_eq!(findings.count(Severity::High), 3);
    }

    proptest! {
        #[test]
        fn every_finding_is_counted_and_the_worst_are_kept_in_order(
            of in proptest::collection::vec(proptest::sample::select(Severity::ALL.to_vec()), 0..300),
            floor in proptest::sample::select(Severity::ALL.to_vec()),
        ) {
            let mut findings = Findings::new(floor);
            for (number, severity) in of.iter().enumerate() {
                findings.add(finding(*severity, &format!("CVE-{number}")));
            }
            findings.settle();
            let mut worst: Vec<Severity> = of.iter().copied().filter(|severity| *severity >= floor).collect();
            worst.sort_by(|one, other| other.cmp(one));
            prop_assert_eq!(findings.count_from(floor), worst.len() as u64);
            worst.truncate(KEPT);
            let kept: Vec<Severity> = findings.worst().iter().map(|finding| finding.severity).collect();
            prop_assert_eq!(kept, worst);
            prop_assert_eq!(findings.count_from(Severity::Undefined), of.len() as u64);
        }
    }
}
