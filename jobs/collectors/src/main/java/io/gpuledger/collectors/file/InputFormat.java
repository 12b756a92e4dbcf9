package io.gpuledger.collectors.file;

/** The formats that are recognised, by content. */
public enum InputFormat {
    SCONTROL_JOBS(Family.SLURM),
    SCONTROL_NODES(Family.SLURM),
    SLURM_JOBS_JSON(Family.SLURM),
    SLURM_NODES_JSON(Family.SLURM),
    SCONTROL_RESERVATIONS(Family.SLURM),
    SLURM_RESERVATIONS_JSON(Family.SLURM),
    SACCT(Family.SLURM),
    HOOKS(Family.SLURM),
    JOBCOMP(Family.SLURM),
    JOBCOMP_SEARCH(Family.SLURM),
    HOST_CONFIGURATION(Family.SLURM),
    DCGM(Family.DCGM);

    /** Which reader takes it. */
    public enum Family {
        SLURM,
        DCGM
    }

    private final Family family;

    InputFormat(Family family) {
        this.family = family;
    }

    public Family family() {
        return family;
    }
}
