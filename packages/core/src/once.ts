/**
 * Messages and sets are never changed once they are made, so what follows from one is computed once: a block is
 * encoded and hashed by every part that it passes through. What comes back is shared: read it, don't write into it.
 */
export interface Once<K extends object, V> {
  (key: K): V
  /** For who knows the answer already. */
  know(key: K, value: V): void
}

export const once = <K extends object, V>(make: (key: K) => V): Once<K, V> => {
  const known = new WeakMap<K, V>()
  const answer = (key: K): V => {
    const before = known.get(key)
    if (before !== undefined) return before
    const value = make(key)
    known.set(key, value)
    return value
  }
  return Object.assign(answer, { know: (key: K, value: V) => void known.set(key, value) })
}
