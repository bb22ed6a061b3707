/** Perplexity of a text: exp of the mean loss a token, in nats. */
export class PerplexityMeter {
  #loss = 0
  #tokens = 0

  /** The summed loss of so many tokens. */
  add(loss: number, tokens: number): void {
    this.#loss += loss
    this.#tokens += tokens
  }

  report(): { readonly tokens: number; readonly loss: number; readonly perplexity: number } {
    const loss = this.#tokens === 0 ? 0 : this.#loss / this.#tokens
    return { tokens: this.#tokens, loss, perplexity: Math.exp(loss) }
  }
}
