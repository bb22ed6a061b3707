/**
 * exp, log, tanh and erf out of +, −, ×, ÷, floor and the bits of a float. The built-in ones differ
 * from adapter to adapter (lavapipe's log is off by 7e-5 close to 1); these give the bits of the
 * `Math.fround` functions below wherever the adapter does not fuse, and stay inside the stated errors
 * where it does (erf on lavapipe alone: SwiftShader is an ulp off at times). No sum here has the form a b + a, which compilers may factor. Coefficients: Cephes (Moshier), erf: Abramowitz and Stegun 7.1.26.
 *
 * | function | domain | error |
 * | --- | --- | --- |
 * | exp | below −87 it is 0, above 88 it stays exp(88) | 2e-7 relative |
 * | log | positive, normal; less counts as 1.2e-38 | 2e-7 relative + 2e-7 |
 * | tanh | all | 4e-7 relative |
 * | erf | all | 6e-7 |
 * | sigmoid | all | 4e-7 relative above −87 |
 */
const EXP = [
  1.98756915e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1, 1, 1
]
const LOG = [
  7.0376836292e-2, -1.151461031e-1, 1.167699874e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1,
  2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1
]
const TANH = [-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1, 1]
const ERF = [1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592]
const ERF_P = 0.3275911
const LN2_HIGH = 0.693359375
const LN2_LOW = -2.1219444e-4
const EXP_MIN = -87
const EXP_MAX = 88
const TANH_SMALL = 0.625
/** tanh is 1 in f32 from here on. */
const TANH_ONE = 10
const SMALLEST = 1.1754943508222875e-38

const { fround } = Math

/** A literal that a shader reads as the nearest f32. */
export const literal = (value: number): string => {
  const text = String(fround(value))
  return /[.e]/.test(text) ? text : `${text}.0`
}

const horner = (type: string, x: string, coefficients: readonly number[]): string =>
  coefficients
    .slice(1)
    .reduce((sum, c) => `(${sum} * ${x} + ${literal(c)})`, `${type}(${literal(coefficients[0]!)})`)

const hornerF32 = (x: number, coefficients: readonly number[]): number =>
  coefficients.slice(1).reduce((sum, c) => fround(fround(sum * x) + fround(c)), fround(coefficients[0]!))

export type MathName = 'exp' | 'log' | 'tanh' | 'erf' | 'sigmoid'

/** What each function is made of. */
const NEEDS: Readonly<Record<MathName, readonly MathName[]>> = {
  exp: [],
  log: [],
  tanh: ['exp'],
  erf: ['exp'],
  sigmoid: ['exp']
}

const TEXT: Readonly<Record<MathName, (w: 1 | 4) => string>> = {
  exp(w) {
    const [type, integer] = types(w)
    return `
fn exp${w}(v: ${type}) -> ${type} {
  let x = clamp(v, ${type}(${literal(EXP_MIN)}), ${type}(${literal(EXP_MAX)}));
  let n = floor(x * ${literal(Math.LOG2E)} + 0.5);
  let r = (x - n * ${literal(LN2_HIGH)}) - n * ${literal(LN2_LOW)};
  let y = ${horner(type, 'r', EXP)};
  let power = bitcast<${type}>((${integer}(n) + 127) << ${w === 1 ? '23u' : 'vec4u(23u)'});
  return select(y * power, ${type}(), v < ${type}(${literal(EXP_MIN)}));
}`
  },
  log(w) {
    const [type, integer] = types(w)
    const shift = w === 1 ? '23u' : 'vec4u(23u)'
    return `
fn log${w}(v: ${type}) -> ${type} {
  let bits = bitcast<${integer}>(max(v, ${type}(${literal(SMALLEST)})));
  let half = bitcast<${type}>((bits & ${integer}(0x7fffff)) | ${integer}(0x3f000000));
  let low = half < ${type}(${literal(Math.SQRT1_2)});
  let e = ${type}((bits >> ${shift}) - 126) - select(${type}(), ${type}(1.0), low);
  let m = select(half, half + half, low) - 1.0;
  let z = m * m;
  let y = ((${horner(type, 'm', LOG)} * m * z + e * ${literal(LN2_LOW)}) - z * 0.5);
  return (m + y) + e * ${literal(LN2_HIGH)};
}`
  },
  tanh(w) {
    const [type] = types(w)
    return `
fn tanh${w}(x: ${type}) -> ${type} {
  let z = x * x;
  let small = ${horner(type, 'z', TANH)} * x;
  let away = 1.0 - 2.0 / (exp${w}(2.0 * min(abs(x), ${type}(${literal(TANH_ONE)}))) + 1.0);
  return select(select(away, -away, x < ${type}()), small, abs(x) < ${type}(${literal(TANH_SMALL)}));
}`
  },
  erf(w) {
    const [type] = types(w)
    return `
fn erfc${w}(x: ${type}) -> ${type} {
  let t = 1.0 / (1.0 + ${literal(ERF_P)} * x);
  return ${horner(type, 't', ERF)} * t * exp${w}(-(x * x));
}
fn erf${w}(x: ${type}) -> ${type} {
  let y = 1.0 - erfc${w}(abs(x));
  return select(y, -y, x < ${type}());
}`
  },
  sigmoid(w) {
    const [type] = types(w)
    return `
fn sigmoid${w}(x: ${type}) -> ${type} { return 1.0 / (1.0 + exp${w}(-x)); }`
  }
}

const types = (w: 1 | 4) => (w === 1 ? (['f32', 'i32'] as const) : (['vec4f', 'vec4i'] as const))

/** WGSL of the functions named and what they need: exp1(f32), exp4(vec4f), and so on. `erf` brings erfc for x >= 0. */
export const mathText = (names: readonly MathName[], widths: readonly (1 | 4)[] = [1, 4]): string => {
  const all = new Set(names.flatMap(name => [...NEEDS[name], name]))
  return widths.flatMap(w => [...all].map(name => TEXT[name](w))).join('')
}

const bits = new DataView(new ArrayBuffer(4))
const asFloat = (integer: number): number => {
  bits.setInt32(0, integer)
  return bits.getFloat32(0)
}
const asInteger = (float: number): number => {
  bits.setFloat32(0, float)
  return bits.getInt32(0)
}

/** The same in f32, to the bit. `x` is an f32 value. */
export const expF32 = (v: number): number => {
  if (v < EXP_MIN) return 0
  const x = Math.min(v, EXP_MAX)
  const n = Math.floor(fround(fround(x * fround(Math.LOG2E)) + 0.5))
  const r = fround(fround(x - fround(n * fround(LN2_HIGH))) - fround(n * fround(LN2_LOW)))
  return fround(hornerF32(r, EXP) * asFloat((n + 127) << 23))
}

export const logF32 = (v: number): number => {
  const whole = asInteger(Math.max(v, SMALLEST))
  const half = asFloat((whole & 0x7fffff) | 0x3f000000)
  const low = half < fround(Math.SQRT1_2)
  const e = (whole >> 23) - 126 - (low ? 1 : 0)
  const m = fround((low ? fround(half + half) : half) - 1)
  const z = fround(m * m)
  const series = fround(fround(hornerF32(m, LOG) * m) * z)
  const y = fround(fround(series + fround(e * fround(LN2_LOW))) - fround(z * 0.5))
  return fround(fround(m + y) + fround(e * fround(LN2_HIGH)))
}

export const tanhF32 = (x: number): number => {
  if (Math.abs(x) < TANH_SMALL) {
    const z = fround(x * x)
    return fround(hornerF32(z, TANH) * x)
  }
  const e = expF32(2 * Math.min(Math.abs(x), TANH_ONE))
  const away = fround(1 - fround(2 / fround(e + 1)))
  return x < 0 ? -away : away
}

/** 1 − erf(x) for x >= 0; there its error is relative to the result, up to rounding of x². */
export const erfcF32 = (x: number): number => {
  const t = fround(1 / fround(1 + fround(fround(ERF_P) * x)))
  return fround(fround(hornerF32(t, ERF) * t) * expF32(-fround(x * x)))
}

export const erfF32 = (x: number): number => {
  const y = fround(1 - erfcF32(Math.abs(x)))
  return x < 0 ? -y : y
}

export const sigmoidF32 = (x: number): number => fround(1 / fround(1 + expF32(-x)))

/** erf in float64 for references: its series below 3, a continued fraction of erfc above. */
export const erf64 = (x: number): number => {
  const a = Math.abs(x)
  if (a > 6) return Math.sign(x)
  if (a < 3) {
    let term = a
    let sum = a
    for (let n = 1; Math.abs(term) > 1e-18 * sum; n++) {
      term *= (-a * a) / n
      sum += term / (2 * n + 1)
    }
    return (Math.sign(x) * 2 * sum) / Math.sqrt(Math.PI)
  }
  let fraction = 0
  for (let n = 60; n >= 1; n--) fraction = n / 2 / (a + fraction)
  return Math.sign(x) * (1 - Math.exp(-a * a) / ((a + fraction) * Math.sqrt(Math.PI)))
}
