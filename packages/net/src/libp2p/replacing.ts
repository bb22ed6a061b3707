/** The same object but for one method. */
export const replacing = <T extends object, N extends keyof T>(object: T, name: N, method: T[N]): T =>
  new Proxy(object, {
    get(target, property) {
      if (property === name) return method
      const value: unknown = Reflect.get(target, property, target)
      return typeof value === 'function' ? value.bind(target) : value
    }
  })
