package io.gpuledger.architecture;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

/** Who may know whom: DESIGN section 11. */
@AnalyzeClasses(packages = "io.gpuledger", importOptions = ImportOption.DoNotIncludeTests.class)
class DependencyDirectionTest {
    @ArchTest
    static final ArchRule CORE_KNOWS_ONLY_THE_JDK =
            classes()
                    .that()
                    .resideInAPackage("io.gpuledger.core..")
                    .should()
                    .onlyDependOnClassesThat()
                    .resideInAnyPackage("io.gpuledger.core..", "java..", "org.jspecify..");

    @ArchTest
    static final ArchRule CORE_DOES_NO_IO =
            noClasses()
                    .that()
                    .resideInAPackage("io.gpuledger.core..")
                    .should()
                    .dependOnClassesThat()
                    .resideInAnyPackage(
                            "java.io..",
                            "java.nio",
                            "java.nio.channels..",
                            "java.nio.file..",
                            "java.net..",
                            "java.sql..");

    @ArchTest
    static final ArchRule CORE_HAS_NO_CLOCK =
            noClasses()
                    .that()
                    .resideInAPackage("io.gpuledger.core..")
                    .should()
                    .callMethod(System.class, "currentTimeMillis")
                    .orShould()
                    .callMethod(System.class, "nanoTime")
                    .orShould()
                    .callMethod(java.time.Instant.class, "now");

    /** Attribution asks who pays; it does not know how that is decided. */
    @ArchTest
    static final ArchRule USAGE_KNOWS_NO_REGISTRY =
            noClasses()
                    .that()
                    .resideInAPackage("io.gpuledger.core.usage..")
                    .should()
                    .dependOnClassesThat()
                    .resideInAPackage("io.gpuledger.core.registry..");

    @ArchTest
    static final ArchRule REGISTRY_FILES_KNOW_ONLY_CORE_AND_SCHEMAS =
            noClasses()
                    .that()
                    .resideInAPackage("io.gpuledger.registry..")
                    .should()
                    .dependOnClassesThat()
                    .resideInAnyPackage(
                            "org.apache.flink..",
                            "io.gpuledger.flink..",
                            "io.gpuledger.attribution..",
                            "io.gpuledger.collectors..",
                            "io.gpuledger.sql..",
                            "io.gpuledger.local..",
                            "io.gpuledger.cli..");

    /** They read tables; who fills them they do not know. */
    @ArchTest
    static final ArchRule STATEMENTS_KNOW_NO_JOBS =
            noClasses()
                    .that()
                    .resideInAPackage("io.gpuledger.statements..")
                    .should()
                    .dependOnClassesThat()
                    .resideInAnyPackage(
                            "org.apache.flink..",
                            "io.gpuledger.flink..",
                            "io.gpuledger.attribution..",
                            "io.gpuledger.quota..",
                            "io.gpuledger.collectors..",
                            "io.gpuledger.enforcement..",
                            "io.gpuledger.local..",
                            "io.gpuledger.cli..");

    @ArchTest
    static final ArchRule COLLECTORS_KNOW_NO_FLINK =
            noClasses()
                    .that()
                    .resideInAPackage("io.gpuledger.collectors..")
                    .should()
                    .dependOnClassesThat()
                    .resideInAnyPackage(
                            "org.apache.flink..",
                            "io.gpuledger.flink..",
                            "io.gpuledger.attribution..")
                    .allowEmptyShould(true);

    @ArchTest
    static final ArchRule JOBS_KNOW_NO_ENDS =
            noClasses()
                    .that()
                    .resideInAnyPackage(
                            "io.gpuledger.flink..",
                            "io.gpuledger.attribution..",
                            "io.gpuledger.quota..")
                    .should()
                    .dependOnClassesThat()
                    .resideInAnyPackage(
                            "io.gpuledger.cli..",
                            "io.gpuledger.local..",
                            "io.gpuledger.collectors..");

    @ArchTest
    static final ArchRule ONLY_THE_COMMAND_KNOWS_THE_BENCHMARKS =
            noClasses()
                    .that()
                    .resideOutsideOfPackages("io.gpuledger.benchmarks..", "io.gpuledger.cli..")
                    .should()
                    .dependOnClassesThat()
                    .resideInAPackage("io.gpuledger.benchmarks..");

    @ArchTest
    static final ArchRule BENCHMARKS_KNOW_NO_ENDS =
            noClasses()
                    .that()
                    .resideInAPackage("io.gpuledger.benchmarks..")
                    .should()
                    .dependOnClassesThat()
                    .resideInAnyPackage(
                            "io.gpuledger.cli..",
                            "io.gpuledger.local..",
                            "io.gpuledger.collectors..");

    /** They meet in topics and tables. */
    @ArchTest
    static final ArchRule QUOTA_KNOWS_NO_ATTRIBUTION =
            noClasses()
                    .that()
                    .resideInAPackage("io.gpuledger.quota..")
                    .should()
                    .dependOnClassesThat()
                    .resideInAPackage("io.gpuledger.attribution..");

    @ArchTest
    static final ArchRule ATTRIBUTION_KNOWS_NO_QUOTA =
            noClasses()
                    .that()
                    .resideInAPackage("io.gpuledger.attribution..")
                    .should()
                    .dependOnClassesThat()
                    .resideInAPackage("io.gpuledger.quota..");

    /**
     * It reads the ledger and acts on the scheduler; how the ledger came to be is not its matter.
     */
    @ArchTest
    static final ArchRule ENFORCEMENT_KNOWS_THE_LEDGER_ONLY =
            noClasses()
                    .that()
                    .resideInAPackage("io.gpuledger.enforcement..")
                    .should()
                    .dependOnClassesThat()
                    .resideInAnyPackage(
                            "org.apache.flink..",
                            "org.apache.kafka..",
                            "io.gpuledger.flink..",
                            "io.gpuledger.attribution..",
                            "io.gpuledger.quota..",
                            "io.gpuledger.collectors..",
                            "io.gpuledger.local..",
                            "io.gpuledger.cli..");

    /** Who measures must not act. */
    @ArchTest
    static final ArchRule ONLY_THE_COMMAND_ENFORCES =
            noClasses()
                    .that()
                    .resideOutsideOfPackages("io.gpuledger.enforcement..", "io.gpuledger.cli..")
                    .should()
                    .dependOnClassesThat()
                    .resideInAPackage("io.gpuledger.enforcement..");
}
