// Times and spans in words.

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false })
const day = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric' })

/** moment is a time as short as it is clear: today without the day. */
export function moment(ms: number, now: number): string {
  const [d, today] = [new Date(ms), new Date(now)]
  const time = clock.format(d)
  return d.toDateString() === today.toDateString() ? time : `${day.format(d)}, ${time}`
}

/** span is a length of time in its two largest units. */
export function span(ms: number): string {
  if (ms < 0) ms = 0
  if (ms < 1000) return `${Math.round(ms)} ms`
  const s = Math.floor(ms / 1000)
  if (s < 60) return ms < 10_000 ? `${(ms / 1000).toFixed(1)} s` : `${s} s`
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`
  if (s < 86_400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`
  return `${Math.floor(s / 86_400)} d ${Math.floor((s % 86_400) / 3600)} h`
}

/** ago is how long something is past. */
export function ago(ms: number, now: number): string {
  return now - ms < 1500 ? 'just now' : `${span(now - ms)} ago`
}
