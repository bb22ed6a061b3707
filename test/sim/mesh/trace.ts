/** Everything that is told, in order, as one number: two runs with one trace had one history. */
export class Trace {
  #a = 0x811c9dc5
  #b = 0x01000193

  note(nowMs: number, place: number, what: string, bytes: Uint8Array | undefined): void {
    this.#mix(nowMs)
    this.#mix(place)
    for (let i = 0; i < what.length; i++) this.#mix(what.charCodeAt(i))
    if (bytes === undefined) return
    for (let i = 0; i < bytes.length; i++) this.#mix(bytes[i]!)
  }

  digest(): string {
    return [this.#a, this.#b].map(n => (n >>> 0).toString(16).padStart(8, '0')).join('')
  }

  #mix(word: number): void {
    this.#a = Math.imul(this.#a ^ word, 0x01000193)
    this.#b = Math.imul(((this.#b << 5) | (this.#b >>> 27)) ^ word, 0xc2b2ae35)
  }
}
