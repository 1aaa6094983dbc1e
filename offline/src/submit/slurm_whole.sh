: "${SLURM_JOB_ID:?is not set; give this script to sbatch}"
name=$SLURM_JOB_NAME
run "${command[@]}"
