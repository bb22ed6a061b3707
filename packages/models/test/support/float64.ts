/**
 * The blocks once more, in float64 and plain loops, each with its own way back: what the tape's are held to.
 * Shares nothing with the tape. A node's `gradient` is the sum of what its users sent.
 */
export class Node {
  readonly data: Float64Array
  readonly gradient: Float64Array

  constructor(data: ArrayLike<number>) {
    this.data = Float64Array.from(data)
    this.gradient = new Float64Array(data.length)
  }
}

export class Graph {
  readonly #backs: (() => void)[] = []

  node(length: number, back: (out: Node) => void): Node {
    const out = new Node(new Float64Array(length))
    this.#backs.push(() => back(out))
    return out
  }

  backward(): void {
    for (const back of this.#backs.toReversed()) back()
  }

  /** x (rows, inputs), w (outputs, inputs) or, with `transposed`, (inputs, outputs). */
  linear(x: Node, w: Node, bias: Node | undefined, outputs: number, transposed = false): Node {
    const inputs = w.data.length / outputs
    const rows = x.data.length / inputs
    const at = (o: number, i: number) => (transposed ? i * outputs + o : o * inputs + i)
    const out = this.node(rows * outputs, ({ gradient }) => {
      for (let r = 0; r < rows; r++) {
        for (let o = 0; o < outputs; o++) {
          const g = gradient[r * outputs + o]!
          if (bias !== undefined) bias.gradient[o]! += g
          for (let i = 0; i < inputs; i++) {
            x.gradient[r * inputs + i]! += g * w.data[at(o, i)]!
            w.gradient[at(o, i)]! += g * x.data[r * inputs + i]!
          }
        }
      }
    })
    for (let r = 0; r < rows; r++) {
      for (let o = 0; o < outputs; o++) {
        let sum = bias?.data[o] ?? 0
        for (let i = 0; i < inputs; i++) sum += x.data[r * inputs + i]! * w.data[at(o, i)]!
        out.data[r * outputs + o] = sum
      }
    }
    return out
  }

  rows(table: Node, index: ArrayLike<number>, width: number): Node {
    const out = this.node(index.length * width, ({ gradient }) => {
      for (let i = 0; i < gradient.length; i++) {
        table.gradient[index[Math.floor(i / width)]! * width + (i % width)]! += gradient[i]!
      }
    })
    for (let i = 0; i < out.data.length; i++) {
      out.data[i] = table.data[index[Math.floor(i / width)]! * width + (i % width)]!
    }
    return out
  }

  /** Columns [from, from + width) of each row of `columns`. */
  columns(x: Node, columns: number, from: number, width: number): Node {
    const place = (i: number) => Math.floor(i / width) * columns + from + (i % width)
    const out = this.node((x.data.length / columns) * width, ({ gradient }) => {
      for (let i = 0; i < gradient.length; i++) x.gradient[place(i)]! += gradient[i]!
    })
    for (let i = 0; i < out.data.length; i++) out.data[i] = x.data[place(i)]!
    return out
  }

  /** Σ shares[b, t] x[b, t] for x (batch, length, width). */
  weighed(x: Node, shares: ArrayLike<number>, length: number, width: number): Node {
    const place = (i: number) => Math.floor(i / width / length) * width + (i % width)
    const share = (i: number) => shares[Math.floor(i / width)]!
    const out = this.node(x.data.length / length, ({ gradient }) => {
      for (let i = 0; i < x.data.length; i++) x.gradient[i]! += share(i) * gradient[place(i)]!
    })
    for (let i = 0; i < x.data.length; i++) out.data[place(i)]! += share(i) * x.data[i]!
    return out
  }

  add(a: Node, b: Node): Node {
    const out = this.node(a.data.length, ({ gradient }) => {
      for (let i = 0; i < gradient.length; i++) {
        a.gradient[i]! += gradient[i]!
        b.gradient[i]! += gradient[i]!
      }
    })
    for (let i = 0; i < out.data.length; i++) out.data[i] = a.data[i]! + b.data[i]!
    return out
  }

  /** f and its slope, element by element. */
  each(x: Node, f: (x: number) => number, slope: (x: number) => number): Node {
    const out = this.node(x.data.length, ({ gradient }) => {
      for (let i = 0; i < gradient.length; i++) x.gradient[i]! += gradient[i]! * slope(x.data[i]!)
    })
    for (let i = 0; i < out.data.length; i++) out.data[i] = f(x.data[i]!)
    return out
  }

  tanh(x: Node): Node {
    return this.each(x, Math.tanh, v => 1 - Math.tanh(v) ** 2)
  }

  relu(x: Node): Node {
    return this.each(
      x,
      v => Math.max(v, 0),
      v => Number(v > 0)
    )
  }

  /** Hendrycks and Gimpel, 2016: x Φ(x), Φ by numerical integration of the normal density. */
  gelu(x: Node): Node {
    return this.each(
      x,
      v => v * normal(v),
      v => normal(v) + v * density(v)
    )
  }

  geluTanh(x: Node): Node {
    const c = Math.sqrt(2 / Math.PI)
    return this.each(
      x,
      v => 0.5 * v * (1 + Math.tanh(c * (v + 0.044715 * v ** 3))),
      v => {
        const u = Math.tanh(c * (v + 0.044715 * v ** 3))
        return 0.5 * (1 + u) + 0.5 * v * (1 - u * u) * c * (1 + 3 * 0.044715 * v * v)
      }
    )
  }

  swiglu(gate: Node, up: Node): Node {
    const s = (v: number) => 1 / (1 + Math.exp(-v))
    const out = this.node(gate.data.length, ({ gradient }) => {
      for (let i = 0; i < gradient.length; i++) {
        const v = gate.data[i]!
        up.gradient[i]! += gradient[i]! * v * s(v)
        gate.gradient[i]! += gradient[i]! * up.data[i]! * s(v) * (1 + v * (1 - s(v)))
      }
    })
    for (let i = 0; i < out.data.length; i++) out.data[i] = gate.data[i]! * s(gate.data[i]!) * up.data[i]!
    return out
  }

  /** Keeps what `kept` says, times `factor`. */
  drop(x: Node, kept: (i: number) => boolean, factor: number): Node {
    const out = this.node(x.data.length, ({ gradient }) => {
      for (let i = 0; i < gradient.length; i++) if (kept(i)) x.gradient[i]! += factor * gradient[i]!
    })
    for (let i = 0; i < out.data.length; i++) out.data[i] = kept(i) ? factor * x.data[i]! : 0
    return out
  }

  /** Layer norm with a bias, RMS norm without. */
  norm(x: Node, weight: Node, bias: Node | undefined, epsilon: number): Node {
    const width = weight.data.length
    const rows = x.data.length / width
    const stats = (r: number) => {
      const row = x.data.subarray(r * width, (r + 1) * width)
      const mean = bias === undefined ? 0 : row.reduce((a, b) => a + b) / width
      const variance = row.reduce((a, b) => a + (b - mean) ** 2, 0) / width
      return { mean, rstd: 1 / Math.sqrt(variance + epsilon) }
    }
    const out = this.node(x.data.length, ({ gradient }) => {
      for (let r = 0; r < rows; r++) {
        const { mean, rstd } = stats(r)
        const hat = (c: number) => (x.data[r * width + c]! - mean) * rstd
        const g = (c: number) => gradient[r * width + c]! * weight.data[c]!
        let [sum, dot] = [0, 0]
        for (let c = 0; c < width; c++) {
          weight.gradient[c]! += gradient[r * width + c]! * hat(c)
          if (bias !== undefined) bias.gradient[c]! += gradient[r * width + c]!
          sum += g(c)
          dot += g(c) * hat(c)
        }
        if (bias === undefined) sum = 0
        for (let c = 0; c < width; c++) {
          x.gradient[r * width + c]! += rstd * (g(c) - sum / width - (hat(c) * dot) / width)
        }
      }
    })
    for (let r = 0; r < rows; r++) {
      const { mean, rstd } = stats(r)
      for (let c = 0; c < width; c++) {
        out.data[r * width + c] =
          (x.data[r * width + c]! - mean) * rstd * weight.data[c]! + (bias?.data[c] ?? 0)
      }
    }
    return out
  }

  /** x (batch, length, heads, dim): the pair (i, i + dim / 2) turned by position · base^(−2i / dim). */
  rotary(x: Node, length: number, heads: number, dim: number, base: number): Node {
    const half = dim / 2
    const each = (body: (a: number, b: number, cos: number, sin: number) => void) => {
      for (let token = 0; token < x.data.length / heads / dim; token++) {
        for (let h = 0; h < heads; h++) {
          for (let i = 0; i < half; i++) {
            const angle = (token % length) / base ** (i / half)
            const a = (token * heads + h) * dim + i
            body(a, a + half, Math.cos(angle), Math.sin(angle))
          }
        }
      }
    }
    const out = this.node(x.data.length, ({ gradient }) => {
      each((a, b, cos, sin) => {
        x.gradient[a]! += gradient[a]! * cos + gradient[b]! * sin
        x.gradient[b]! += gradient[b]! * cos - gradient[a]! * sin
      })
    })
    each((a, b, cos, sin) => {
      out.data[a] = x.data[a]! * cos - x.data[b]! * sin
      out.data[b] = x.data[b]! * cos + x.data[a]! * sin
    })
    return out
  }

  /** The whole matrix of weights, head by head: q (batch, length, heads, dim), k and v (batch, length, kvHeads, dim). */
  attention(
    q: Node,
    k: Node,
    v: Node,
    s: { batch: number; length: number; heads: number; kvHeads: number; dim: number },
    sees: (batch: number, query: number, key: number) => boolean
  ): Node {
    const { batch, length, heads, kvHeads, dim } = s
    const scale = 1 / Math.sqrt(dim)
    const place = (b: number, i: number, h: number, of: number) => ((b * length + i) * of + h) * dim
    const weightsOf = (b: number, h: number, i: number): Float64Array => {
      const kv = Math.floor(h / (heads / kvHeads))
      const scores = Float64Array.from({ length }, (_, j) => {
        if (!sees(b, i, j)) return -Infinity
        let sum = 0
        for (let d = 0; d < dim; d++) {
          sum += q.data[place(b, i, h, heads) + d]! * k.data[place(b, j, kv, kvHeads) + d]!
        }
        return scale * sum
      })
      const top = Math.max(...scores)
      const powers = scores.map(score => Math.exp(score - top))
      const total = powers.reduce((a, b) => a + b)
      return powers.map(p => p / total)
    }
    const each = (body: (b: number, h: number, i: number) => void) => {
      for (let b = 0; b < batch; b++) {
        for (let h = 0; h < heads; h++) for (let i = 0; i < length; i++) body(b, h, i)
      }
    }
    const out = this.node(q.data.length, ({ gradient }) => {
      each((b, h, i) => {
        const kv = Math.floor(h / (heads / kvHeads))
        const weights = weightsOf(b, h, i)
        const g = gradient.subarray(place(b, i, h, heads), place(b, i, h, heads) + dim)
        const dWeights = weights.map((_, j) => {
          let sum = 0
          for (let d = 0; d < dim; d++) sum += g[d]! * v.data[place(b, j, kv, kvHeads) + d]!
          return sum
        })
        const mean = weights.reduce((sum, w, j) => sum + w * dWeights[j]!, 0)
        weights.forEach((w, j) => {
          const slope = scale * w * (dWeights[j]! - mean)
          for (let d = 0; d < dim; d++) {
            v.gradient[place(b, j, kv, kvHeads) + d]! += w * g[d]!
            q.gradient[place(b, i, h, heads) + d]! += slope * k.data[place(b, j, kv, kvHeads) + d]!
            k.gradient[place(b, j, kv, kvHeads) + d]! += slope * q.data[place(b, i, h, heads) + d]!
          }
        })
      })
    })
    each((b, h, i) => {
      const kv = Math.floor(h / (heads / kvHeads))
      weightsOf(b, h, i).forEach((w, j) => {
        for (let d = 0; d < dim; d++) {
          out.data[place(b, i, h, heads) + d]! += w * v.data[place(b, j, kv, kvHeads) + d]!
        }
      })
    })
    return out
  }

  /** image (batch, size, size, inputs), weights (window, window, inputs, outputs), zeros around. */
  convolution(
    image: Node,
    weights: Node,
    bias: Node,
    s: { batch: number; size: number; window: number; inputs: number; outputs: number }
  ): Node {
    const { batch, size, window, inputs, outputs } = s
    const pad = (window - 1) / 2
    const each = (body: (out: number, image: number, weight: number) => void) => {
      for (let b = 0; b < batch; b++) {
        for (let y = 0; y < size; y++) {
          for (let x = 0; x < size; x++) {
            for (let tap = 0; tap < window ** 2; tap++) {
              const [iy, ix] = [y + Math.floor(tap / window) - pad, x + (tap % window) - pad]
              if (iy < 0 || ix < 0 || iy >= size || ix >= size) continue
              for (let c = 0; c < inputs; c++) {
                for (let o = 0; o < outputs; o++) {
                  body(
                    ((b * size + y) * size + x) * outputs + o,
                    ((b * size + iy) * size + ix) * inputs + c,
                    (tap * inputs + c) * outputs + o
                  )
                }
              }
            }
          }
        }
      }
    }
    const out = this.node(batch * size * size * outputs, ({ gradient }) => {
      gradient.forEach((g, i) => {
        bias.gradient[i % outputs]! += g
      })
      each((o, i, w) => {
        image.gradient[i]! += gradient[o]! * weights.data[w]!
        weights.gradient[w]! += gradient[o]! * image.data[i]!
      })
    })
    for (let i = 0; i < out.data.length; i++) out.data[i] = bias.data[i % outputs]!
    each((o, i, w) => {
      out.data[o]! += image.data[i]! * weights.data[w]!
    })
    return out
  }

  /** The largest value of each 2 × 2 window, or their mean. */
  pooling(image: Node, batch: number, size: number, channels: number, average = false): Node {
    const half = size / 2
    const taps = (i: number): number[] => {
      const c = i % channels
      const x = Math.floor(i / channels) % half
      const y = Math.floor(i / channels / half) % half
      const b = Math.floor(i / channels / half / half)
      return [0, 1, 2, 3].map(
        tap => ((b * size + 2 * y + (tap >> 1)) * size + 2 * x + (tap & 1)) * channels + c
      )
    }
    const largest = (i: number) => taps(i).reduce((a, b) => (image.data[b]! > image.data[a]! ? b : a))
    const out = this.node(batch * half * half * channels, ({ gradient }) => {
      gradient.forEach((g, i) => {
        if (average) for (const tap of taps(i)) image.gradient[tap]! += g / 4
        else image.gradient[largest(i)]! += g
      })
    })
    for (let i = 0; i < out.data.length; i++) {
      out.data[i] = average
        ? taps(i).reduce((sum, tap) => sum + image.data[tap]!, 0) / 4
        : image.data[largest(i)]!
    }
    return out
  }

  /** Σ weights[r] · −log softmax(logits)[labels[r]]. */
  crossEntropy(logits: Node, labels: ArrayLike<number>, weights: ArrayLike<number>): Node {
    const rows = labels.length
    const columns = logits.data.length / rows
    const share = (r: number): Float64Array => {
      const row = logits.data.subarray(r * columns, (r + 1) * columns)
      const top = row.reduce((a, b) => Math.max(a, b))
      const powers = row.map(value => Math.exp(value - top))
      const total = powers.reduce((a, b) => a + b)
      return powers.map(p => p / total)
    }
    const out = this.node(1, ({ gradient }) => {
      for (let r = 0; r < rows; r++) {
        share(r).forEach((p, c) => {
          logits.gradient[r * columns + c]! += gradient[0]! * weights[r]! * (p - Number(c === labels[r]))
        })
      }
    })
    for (let r = 0; r < rows; r++) out.data[0]! -= weights[r]! * Math.log(share(r)[labels[r]!]!)
    return out
  }
}

const density = (x: number): number => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)

/** Φ(x) by Simpson's rule from 0. */
const normal = (x: number): number => {
  const steps = 400
  const h = x / steps
  let sum = density(0) + density(x)
  for (let i = 1; i < steps; i++) sum += (i % 2 === 0 ? 2 : 4) * density(i * h)
  return 0.5 + (sum * h) / 3
}
