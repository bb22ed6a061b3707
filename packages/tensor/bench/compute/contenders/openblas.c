/* OpenBLAS, sgemm, threads by OPENBLAS_NUM_THREADS; the same lines in and out as serve.ts. */
#include <cblas.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return 1e3 * t.tv_sec + 1e-6 * t.tv_nsec;
}

static float *values(size_t n) {
  float *x = malloc(n * sizeof *x);
  unsigned state = 1;
  for (size_t i = 0; i < n; i++) {
    state = state * 1664525u + 1013904223u;
    x[i] = (float)(state / 2147483648.0 - 1.0);
  }
  return x;
}

int main(void) {
  char line[256];
  while (fgets(line, sizeof line, stdin)) {
    char form[8];
    int m, n, k;
    double budget;
    if (sscanf(line, "matmul %7s %d %d %d | %lf", form, &m, &n, &k, &budget) != 5) {
      puts("@{\"absent\":\"not offered\"}");
      fflush(stdout);
      continue;
    }
    int tn = !strcmp(form, "tn"), nt = !strcmp(form, "nt");
    float *a = values((size_t)m * k), *b = values((size_t)k * n), *c = values((size_t)m * n);
    double end = 0;
    int count = 0;
    printf("@{\"ms\":[");
    for (int i = -2; i < 0 || now() < end || count == 0; i++) {
      if (i == 0) end = now() + budget;
      double from = now();
      cblas_sgemm(CblasRowMajor, tn ? CblasTrans : CblasNoTrans, nt ? CblasTrans : CblasNoTrans, m, n, k, 1, a,
                  tn ? m : k, b, nt ? k : n, 0, c, n);
      if (i >= 0) printf("%s%.6f", count++ ? "," : "", now() - from);
    }
    puts("]}");
    fflush(stdout);
    free(a);
    free(b);
    free(c);
  }
  return 0;
}
