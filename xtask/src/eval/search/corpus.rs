//! The documents: pages of two of Debian's books in nine languages, each in a folder of its language.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::{eval::cache, fixtures::debian, paths};

/// A book: its package, the folder of its languages there, and its pages.
struct Book {
    package: &'static str,
    folder: &'static str,
    /// Languages, and the folder of each.
    languages: &'static [(&'static str, &'static str)],
    /// Pages without their ending.
    pages: &'static [&'static str],
}

const BOOKS: &[Book] = &[
    Book {
        package: "debian-handbook",
        folder: "usr/share/doc/debian-handbook/html",
        languages: &[
            ("ar", "ar-MA"),
            ("de", "de-DE"),
            ("en", "en-US"),
            ("es", "es-ES"),
            ("fr", "fr-FR"),
            ("ja", "ja-JP"),
            ("ru", "ru-RU"),
            ("zh", "zh-CN"),
        ],
        pages: &[
            "case-study",
            "sect.administration-interfaces",
            "sect.after-first-boot",
            "sect.asynchronous-task-scheduling-anacron",
            "sect.backup",
            "sect.computer-layers",
            "sect.creating-accounts",
            "sect.dealing-with-compromised-machine",
            "sect.dhcp",
            "sect.dist-upgrade",
            "sect.domain-name-servers",
            "sect.filesystem-hierarchy",
            "sect.foundation-documents",
            "sect.hostname-name-service",
            "sect.hotplug",
            "sect.how-to-migrate",
            "sect.kernel-role-and-tasks",
            "sect.nfs-file-server",
            "sect.package-authentication",
            "sect.power-management",
            "sect.quotas",
            "sect.release-lifecycle",
            "sect.remote-login",
            "sect.rights-management",
            "sect.role-of-distributions",
            "sect.shell-environment",
            "sect.syslog",
            "sect.task-scheduling-cron-atd",
            "sect.ubuntu",
            "sect.user-group-databases",
            "sect.user-space",
            "sect.why-gnu-linux",
            "sect.windows-emulation",
            "short-remedial-course",
        ],
    },
    Book {
        package: "installation-guide-amd64",
        folder: "usr/share/doc/installation-guide-amd64",
        languages: &[
            ("de", "de"),
            ("en", "en"),
            ("es", "es"),
            ("fr", "fr"),
            ("ja", "ja"),
            ("ru", "ru"),
            ("zh", "zh_CN"),
        ],
        pages: &[
            "apcs02", "apds02", "ch01s01", "ch01s08", "ch02s05", "ch03s01", "ch03s03", "ch03s04", "ch04s03", "ch08s06",
        ],
    },
    // The other book is not translated there.
    Book {
        package: "installation-guide-amd64",
        folder: "usr/share/doc/installation-guide-amd64",
        languages: &[("ko", "ko")],
        pages: &[
            "apas01", "apas02", "apas03", "apas04", "apbs01", "apbs03", "apbs05", "apcs01", "apcs02", "apcs03",
            "apcs04", "apcs05", "apds01", "apds02", "apds03", "apds04", "apds05", "apes01", "ch01s01", "ch01s02",
            "ch01s03", "ch01s04", "ch01s07", "ch01s08", "ch02s01", "ch02s02", "ch02s03", "ch02s04", "ch02s05",
            "ch03s01", "ch03s02", "ch03s03", "ch03s04", "ch03s05", "ch03s06", "ch04s01", "ch04s03", "ch04s04",
            "ch04s05", "ch05s01", "ch05s02", "ch05s03", "ch06s01", "ch06s02", "ch06s04", "ch07s01", "ch07s02",
            "ch07s03", "ch08s01", "ch08s02", "ch08s03", "ch08s04", "ch08s06",
        ],
    },
];

/// The folder with a folder for each language, fetched when it is not there.
pub(super) fn documents() -> Result<PathBuf> {
    let documents = cache()?.join("search-documents");
    paths::once(&documents, |partial| BOOKS.iter().try_for_each(|book| book.copy(partial)))?;
    Ok(documents)
}

impl Book {
    fn copy(&self, documents: &Path) -> Result<()> {
        let unpacked = cache()?.join(self.package);
        paths::once(&unpacked, |partial| debian::unpack(&[self.package], partial))?;
        for (language, folder) in self.languages {
            let (from, to) = (unpacked.join(self.folder).join(folder), documents.join(language));
            paths::make(&to)?;
            for page in self.pages {
                let name = format!("{page}.html");
                let file = from.join(&name);
                ensure!(file.exists(), "{} holds no {language} {name} any more", self.package);
                std::fs::copy(&file, to.join(&name)).with_context(|| format!("cannot copy {}", file.display()))?;
            }
        }
        Ok(())
    }
}
