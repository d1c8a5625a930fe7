// Addresses: every screen, panel and selection has one, below /ui.
import { useSyncExternalStore, type AnchorHTMLAttributes, type MouseEvent } from 'react'

const base = '/ui'
const changed = 'heddle:navigate'

function subscribe(listener: () => void): () => void {
  window.addEventListener('popstate', listener)
  window.addEventListener(changed, listener)
  return () => {
    window.removeEventListener('popstate', listener)
    window.removeEventListener(changed, listener)
  }
}

export interface Place {
  /** path is what follows /ui, decoded, by its parts. */
  path: string[]
  search: URLSearchParams
}

/** usePlace is where the application is. */
export function usePlace(): Place {
  const href = useSyncExternalStore(subscribe, () => window.location.pathname + window.location.search)
  return placeOf(href)
}

/** placeOf reads an address. */
export function placeOf(href: string): Place {
  const [pathname = '', search = ''] = href.split('?', 2)
  const rest = pathname.startsWith(base) ? pathname.slice(base.length) : pathname
  return { path: rest.split('/').filter(Boolean).map(decodeURIComponent), search: new URLSearchParams(search) }
}

/** go leads to an address below /ui; replace leaves no trace in the browser's history. */
export function go(to: string, replace = false): void {
  window.history[replace ? 'replaceState' : 'pushState'](null, '', base + to)
  window.dispatchEvent(new Event(changed))
}

/** goWith changes parameters of the present address; null removes one. */
export function goWith(changes: Record<string, string | null>, replace = false): void {
  const search = new URLSearchParams(window.location.search)
  for (const [key, v] of Object.entries(changes)) {
    if (v === null || v === '') search.delete(key)
    else search.set(key, v)
  }
  const text = search.toString()
  go(window.location.pathname.slice(base.length) + (text === '' ? '' : `?${text}`), replace)
}

/** Link leads to an address below /ui without loading the page anew. */
export function Link({ to, onClick, ...rest }: AnchorHTMLAttributes<HTMLAnchorElement> & { to: string }) {
  const follow = (e: MouseEvent<HTMLAnchorElement>) => {
    onClick?.(e)
    if (e.defaultPrevented || e.button !== 0 || e.metaKey || e.ctrlKey || e.shiftKey || e.altKey) return
    e.preventDefault()
    go(to)
  }
  return <a href={base + to} onClick={follow} {...rest} />
}

export const to = {
  jobs: '/jobs',
  job: (id: string, task?: string) => `/jobs/${encodeURIComponent(id)}${task ? `?task=${encodeURIComponent(task)}` : ''}`,
  work: (run?: string) => (run ? `/work/${encodeURIComponent(run)}` : '/work'),
  workflows: '/workflows',
  workflow: (name: string) => `/workflows/${encodeURIComponent(name)}`,
}
