import { useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { session } from '../api/heddle'

/** useStored keeps a setting in this browser. */
export function useStored<T>(key: string, initial: T): [T, (v: T) => void] {
  const [v, set] = useState<T>(() => {
    try {
      const text = localStorage.getItem(`heddle.${key}`)
      return text === null ? initial : (JSON.parse(text) as T)
    } catch {
      return initial
    }
  })
  return [
    v,
    (next) => {
      set(next)
      try {
        localStorage.setItem(`heddle.${key}`, JSON.stringify(next))
      } catch {
        // A browser may refuse to store; the setting then lasts as long as the page.
      }
    },
  ]
}

/** useNow is the time, anew every second while something is under way. */
export function useNow(ticking = true): number {
  const [now, set] = useState(Date.now)
  useEffect(() => {
    if (!ticking) return
    const timer = setInterval(() => set(Date.now()), 1000)
    return () => clearInterval(timer)
  }, [ticking])
  return now
}

/** useSettled is a value once it has not changed for a moment: for filters that are typed. */
export function useSettled<T>(v: T, ms = 250): T {
  const [settled, set] = useState(v)
  useEffect(() => {
    const timer = setTimeout(() => set(v), ms)
    return () => clearTimeout(timer)
  }, [v, ms])
  return settled
}

export const meKey = ['me']

/** useMay tells what the account may do; the server has the last word. */
export function useMay(): (permission: string) => boolean {
  const me = useQuery({ queryKey: meKey, queryFn: session.me, staleTime: 60_000 })
  return (p) => me.data?.permissions.includes(p) ?? false
}

/** useTitle names the page in the browser's tab. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title ? `${title} · Heddle` : 'Heddle'
  }, [title])
}
