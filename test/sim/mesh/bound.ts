/** `inner` with some of its functions replaced. */
export const bound = <T extends object>(inner: T, changes: Partial<T>): T => {
  const functions = new Map<string | symbol, unknown>()
  return new Proxy(inner, {
    get(target, name) {
      const changed = changes[name as keyof T] ?? functions.get(name)
      if (changed !== undefined) return changed
      const value = target[name as keyof T]
      if (typeof value !== 'function') return value
      const own: unknown = value.bind(target)
      functions.set(name, own)
      return own
    }
  })
}
