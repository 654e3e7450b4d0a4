"""Made-up copies of published datasets: their layout, with rendered videos, for rehearsals."""
