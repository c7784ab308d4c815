//! The files: manuals of Debian in ten languages, papers and their templates, and texts from right to left.

use std::{path::PathBuf, process::Command};

use anyhow::{Result, ensure};

use super::Program;
use crate::{
    eval::{cache, figures::Goal},
    fixtures::debian,
    paths,
    process::{self, DOWNLOAD_LIMIT},
};

/// Files of one kind.
pub(super) struct Kind {
    /// What they are.
    pub(super) name: &'static str,
    /// How many sentences should be whole.
    pub(super) goal: Goal,
    /// Packages and the files in them, below their folders.
    packages: &'static [(&'static str, &'static str, &'static [&'static str])],
}

pub(super) const KINDS: &[Kind] = &[
    Kind {
        name: "books",
        goal: Goal::AtLeast(0.95),
        packages: &[
            ("debian-reference-en", "usr/share/debian-reference", &["debian-reference.en"]),
            ("debian-reference-de", "usr/share/debian-reference", &["debian-reference.de"]),
            ("debian-reference-es", "usr/share/debian-reference", &["debian-reference.es"]),
            ("debian-reference-fr", "usr/share/debian-reference", &["debian-reference.fr"]),
            ("debian-reference-ja", "usr/share/debian-reference", &["debian-reference.ja"]),
            ("debian-reference-zh-cn", "usr/share/debian-reference", &["debian-reference.zh-cn"]),
            ("maint-guide", "usr/share/doc/maint-guide", &["maint-guide.en"]),
            ("maint-guide-fr", "usr/share/doc/maint-guide-fr", &["maint-guide.fr"]),
            ("maint-guide-ru", "usr/share/doc/maint-guide-ru", &["maint-guide.ru"]),
            ("maint-guide-ja", "usr/share/doc/maint-guide-ja", &["maint-guide.ja"]),
            ("maint-guide-zh-cn", "usr/share/doc/maint-guide-zh-cn", &["maint-guide.zh-cn"]),
            ("developers-reference", "usr/share/developers-reference", &["developers-reference"]),
            ("developers-reference-de", "usr/share/developers-reference/de", &["developers-reference"]),
            ("developers-reference-ru", "usr/share/developers-reference/ru", &["developers-reference"]),
            ("debian-policy", "usr/share/doc/debian-policy", &["policy", "fhs/fhs-3.0"]),
        ],
    },
    Kind {
        name: "papers",
        goal: Goal::AtLeast(0.9),
        packages: &[
            (
                "texlive-publishers-doc",
                "usr/share/doc/texlive-doc/latex",
                &[
                    "acmart/samples/sample-acmsmall",
                    "acmart/samples/sample-sigconf",
                    "aastex/sample631",
                    "aguplus/aguplus",
                    "aiaa/author_guide",
                    "aomart/aomsample",
                    "apa7/samples/longsample",
                    "ascelike/ascexmpl",
                    "asmeconf/asmeconf-template",
                    "asmejour/asmejour-template",
                    "cascadilla/example",
                    "cmpj/template",
                    "confproc/confproc",
                    "ejpecp/sample",
                    "elsarticle/elstest-1p",
                    "elsarticle/elstest-3pd",
                    "elsarticle/elstest-5p",
                    "els-cas-templates/doc/dc-sample",
                    "hagenberg-thesis/examples/HgbArticle/main",
                    "icsv/icsv",
                    "ieeeconf/IEEEconf",
                    "ieeepes/ieeepes_doc",
                    "ieeetran/testflow_doc",
                    "ijmart/ijmsample",
                    "jacow/JACoW_LaTeX_A4",
                    "jmlr/pmlr-sample",
                    "llncs/llncsdoc",
                    "lni/lni",
                    "mnras/mnras_guide",
                    "nwejm/examples/issue",
                    "opteng/OptEngInstruct",
                    "philosophersimprint/sample",
                    "prtec/PRTEC19-template",
                    "quantumarticle/quantum-template",
                    "revtex/aps/apsguide4-2",
                    "revtex/sample/aps/apssamp",
                    "sageep/sample",
                    "spie/article",
                    "timbreicmc/timbreicmc",
                    "tugboat/ltubguid",
                ],
            ),
            ("r-cran-lme4", "usr/lib/R/site-library/lme4/doc", &["lmer"]),
            ("r-cran-party", "usr/lib/R/site-library/party/doc", &["MOB", "party"]),
            ("r-cran-sandwich", "usr/lib/R/site-library/sandwich/doc", &["sandwich", "sandwich-CL"]),
            ("r-cran-strucchange", "usr/lib/R/site-library/strucchange/doc", &["strucchange-intro"]),
            ("r-cran-surveillance", "usr/lib/R/site-library/surveillance/doc", &["hhh4_spacetime", "monitoringCounts"]),
            ("r-cran-vcd", "usr/lib/R/site-library/vcd/doc", &["residual-shadings"]),
            ("r-cran-zoo", "usr/lib/R/site-library/zoo/doc", &["zoo"]),
        ],
    },
    Kind {
        name: "from right to left",
        goal: Goal::None,
        packages: &[(
            "texlive-lang-arabic",
            "usr/share/doc/texlive-doc",
            &[
                "latex/lshort-persian/lshort",
                "lualatex/arabluatex/samples/al-Jahiz",
                "lualatex/simurgh/simurgh-doc",
                "xelatex/persian-bib/Persian-bib-userguide",
                "xelatex/sexam/sexam_wexam_doc_ar",
                "xelatex/xepersian/xepersian-doc",
            ],
        )],
    },
];

impl Kind {
    /// The files, fetched when they are not there.
    pub(super) fn files(&self) -> Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for (package, folder, names) in self.packages {
            let root = cache()?.join(package);
            paths::once(&root, |partial| {
                debian::unpack(&[package], partial)?;
                for packed in names.iter().map(|name| partial.join(folder).join(format!("{name}.pdf.gz"))) {
                    if packed.exists() {
                        process::run(process::command("gzip", ["-d"]).arg(packed), DOWNLOAD_LIMIT)?;
                    }
                }
                Ok(())
            })?;
            for name in *names {
                let file = root.join(folder).join(format!("{name}.pdf"));
                ensure!(file.exists(), "{package} holds no {name}.pdf any more");
                files.push(file);
            }
        }
        Ok(files)
    }
}

/// `pdftotext` of this system, or else that of Debian.
pub(super) fn pdftotext() -> Result<Program> {
    if process::works("pdftotext", &["-v"]) {
        return Ok(Box::new(|| Command::new("pdftotext")));
    }
    let folder = cache()?.join("poppler");
    paths::once(&folder, |partial| {
        debian::unpack(&["poppler-utils"], partial)?;
        debian::unpack(LIBRARIES, partial)
    })?;
    let program = folder.join("usr/bin/pdftotext");
    let libraries = folder.join("usr/lib").join(format!("{}-linux-gnu", std::env::consts::ARCH));
    Ok(Box::new(move || {
        let mut command = Command::new(&program);
        command.env("LD_LIBRARY_PATH", &libraries);
        command
    }))
}

/// The library of `pdftotext` in the releases of Debian.
const LIBRARIES: &[&str] = &["libpoppler126", "libpoppler147", "libpoppler102"];
