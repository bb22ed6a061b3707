/**
 * Makes `key` the youngest entry of a map, and forgets the oldest where there are more than `max`. Insertion order is
 * age, so what somebody else can make grow stays bounded by one line.
 */
export const remember = <K, V>(map: Map<K, V>, key: K, value: V, max: number): void => {
  map.delete(key)
  map.set(key, value)
  if (map.size <= max) return
  const [oldest] = map.keys()
  map.delete(oldest as K)
}
