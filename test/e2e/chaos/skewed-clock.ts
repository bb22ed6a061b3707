/** `node --import` of this file: the wall clock of the process is off by SKEW_MS. Monotonic time stays as it is. */
const skewMs = Number(process.env.SKEW_MS)
const { Date: TrueDate } = globalThis

class SkewedDate extends TrueDate {
  constructor(...words: [] | ConstructorParameters<typeof TrueDate>) {
    if (words.length === 0) super(TrueDate.now() + skewMs)
    else super(...words)
  }

  static override now(): number {
    return TrueDate.now() + skewMs
  }
}

globalThis.Date = SkewedDate as DateConstructor
