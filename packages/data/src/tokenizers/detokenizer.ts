/**
 * Text out of tokens as they come. A character may be spread over several tokens (bytes), and a piece's text may hang
 * on the piece before it (spaces), so tokens are decoded behind those before them and held back while their text ends
 * in the middle of a character. All that was given out together is the text of all tokens, if they are text at all.
 */
import type { Tokenizer } from './tokenizer.ts'

/** Of the prompt: enough for its last character and the space before it. */
const BEFORE = 8
/** A character has four bytes; what is still none after twice as many tokens never becomes one. */
const HELD_MAX = 8
const REPLACEMENT = '\ufffd'

export class Detokenizer {
  readonly #tokenizer: Pick<Tokenizer, 'decode'>
  /** Given out already, and ending where a character ends. */
  #before: readonly number[]
  #held: number[] = []

  /** `before`: the tokens of the prompt, or the last of them. */
  constructor(tokenizer: Pick<Tokenizer, 'decode'>, before: readonly number[] = []) {
    this.#tokenizer = tokenizer
    this.#before = before.slice(-BEFORE)
  }

  /** The text that this token settles; often none, or more than its own. Never half a character. */
  push(token: number): string {
    this.#held.push(token)
    const text = this.#text()
    if (!text.endsWith(REPLACEMENT)) return this.#give(text)
    return this.#held.length < HELD_MAX ? '' : this.#give(text)
  }

  /** What was held back, as far as it is text. */
  end(): string {
    return this.#held.length === 0 ? '' : this.#give(this.#text())
  }

  #text(): string {
    const before = this.#tokenizer.decode(this.#before)
    return this.#tokenizer
      .decode([...this.#before, ...this.#held])
      .slice(before.length)
      .toWellFormed()
  }

  #give(text: string): string {
    this.#before = this.#held
    this.#held = []
    return text
  }
}
