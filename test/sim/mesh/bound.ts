/** `inner` with some of its functions replaced. */
export const bound = <T extends object>(inner: T, changes: Partial<T>): T =>
  new Proxy(inner, {
    get(target, name) {
      const changed = changes[name as keyof T]
      if (changed !== undefined) return changed
      const value = target[name as keyof T]
      return typeof value === 'function' ? value.bind(target) : value
    }
  })
