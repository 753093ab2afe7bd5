//! Pinned class paths from the Maven registry, each fetched once into the cache folder.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::{cache, program};

const PLUGIN: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies";
const FETCH_DEADLINE: Duration = Duration::from_secs(600);

/// A class path: the named artifacts (`group:artifact:version`) with all they depend on at run time.
#[derive(Clone, Copy, Debug)]
pub struct ClassPath {
    /// The name of the cache entry; changes with the versions.
    pub name: &'static str,
    /// What is fetched.
    pub artifacts: &'static [&'static str],
}

/// Apache Kafka 4.4.0: the broker, and the clients of the same version.
pub const KAFKA_44: ClassPath = ClassPath {
    name: "kafka-4.4.0",
    artifacts: &["org.apache.kafka:kafka_2.13:4.4.0", "org.slf4j:slf4j-simple:1.7.36"],
};

/// Kafka's own tools, 4.3.1 (the newest in the registry).
pub const TOOLS_43: ClassPath = ClassPath {
    name: "kafka-tools-4.3.1",
    artifacts: &[
        "org.apache.kafka:kafka-tools:4.3.1",
        "org.apache.kafka:kafka_2.13:4.3.1",
        "org.slf4j:slf4j-simple:1.7.36",
    ],
};

/// The last Java client of the 3.x line.
pub const CLIENT_39: ClassPath = ClassPath {
    name: "kafka-clients-3.9.1",
    artifacts: &["org.apache.kafka:kafka-clients:3.9.1", "org.slf4j:slf4j-simple:1.7.36"],
};

impl ClassPath {
    /// The class path as `java -cp` takes it, after fetching what is not in the cache yet.
    pub fn fetch(&self) -> String {
        let folder = cache::once(self.name, |folder| self.download(folder));
        format!("{}/jars/*", folder.display())
    }

    fn download(&self, folder: &Path) {
        let pom = folder.join("pom.xml");
        fs::write(&pom, self.pom()).unwrap_or_else(|e| panic!("{}: {e}", pom.display()));
        let mut mvn = Command::new("mvn");
        mvn.current_dir(folder).args(["-q", "-B", PLUGIN, "-DincludeScope=runtime"]);
        mvn.arg(format!("-DoutputDirectory={}", folder.join("jars").display()));
        program::run(mvn, FETCH_DEADLINE).expect_success();
    }

    fn pom(&self) -> String {
        let dependencies: String = self.artifacts.iter().map(|artifact| dependency(artifact)).collect();
        format!(
            "<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><modelVersion>4.0.0</modelVersion>\
             <groupId>catena</groupId><artifactId>{}</artifactId><version>1</version>\
             <dependencies>{dependencies}</dependencies></project>",
            self.name
        )
    }
}

fn dependency(artifact: &str) -> String {
    let mut parts = artifact.splitn(3, ':');
    let mut next = || parts.next().unwrap_or_else(|| panic!("{artifact}: not group:artifact:version"));
    format!(
        "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>",
        next(),
        next(),
        next()
    )
}
