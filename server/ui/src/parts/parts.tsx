// The small parts that every screen is made of.
import { useEffect, useId, useRef, type ButtonHTMLAttributes, type ReactNode } from 'react'
import { pretty } from '../api/client'
import type { Json } from '../api/types'
import type { Look } from '../model/status'
import { Icon } from './Icon'

/** Badge shows a status by word, icon and tone. */
export function Badge({ look }: { look: Look }) {
  return (
    <span className={`badge tone-${look.tone}`}>
      <Icon name={look.icon} size={13} />
      {look.label}
    </span>
  )
}

type ButtonProps = ButtonHTMLAttributes<HTMLButtonElement> & { tone?: 'primary' | 'danger' | 'plain'; icon?: Parameters<typeof Icon>[0]['name'] }

export function Button({ tone, icon, children, className = '', ...rest }: ButtonProps) {
  return (
    <button type="button" className={`button ${tone ?? ''} ${className}`} {...rest}>
      {icon && <Icon name={icon} size={15} />}
      {children}
    </button>
  )
}

/** Dialog asks for one decision. Escape and the first button leave things as they are. */
export function Dialog({ title, onClose, children, wide }: { title: string; onClose: () => void; children: ReactNode; wide?: boolean }) {
  const ref = useRef<HTMLDialogElement>(null)
  const label = useId()
  useEffect(() => {
    const d = ref.current
    if (d && !d.open) d.showModal()
    return () => d?.close()
  }, [])
  return (
    <dialog ref={ref} className={wide ? 'dialog wide' : 'dialog'} aria-labelledby={label} onCancel={(e) => (e.preventDefault(), onClose())}>
      <header>
        <h2 id={label}>{title}</h2>
        <Button tone="plain" icon="close" aria-label="Close" onClick={onClose} />
      </header>
      {children}
    </dialog>
  )
}

/** Notice tells of something that went wrong, or well, where it happened. */
export function Notice({ tone, children }: { tone: 'bad' | 'warn' | 'good' | 'active'; children: ReactNode }) {
  return (
    <div className={`notice tone-${tone}`} role={tone === 'bad' ? 'alert' : 'status'}>
      <Icon name={tone === 'good' ? 'check' : tone === 'active' ? 'start' : 'alert'} />
      <div>{children}</div>
    </div>
  )
}

export function Problem({ error }: { error: unknown }) {
  if (!error) return null
  const e = error as Error & { details?: { message: string }[] }
  const more = (e.details ?? []).map((d) => d.message).filter((m) => m !== e.message)
  return (
    <Notice tone="bad">
      {e.message}
      {more.length > 0 && (
        <ul>
          {more.slice(0, 8).map((m) => (
            <li key={m}>{m}</li>
          ))}
        </ul>
      )}
    </Notice>
  )
}

/** Empty fills a place where nothing is yet and says how something gets there. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <h3>{title}</h3>
      {children}
    </div>
  )
}

/** Code shows JSON or text as it is; it can be scrolled by keyboard. */
export function Code({ value, label }: { value: Json | undefined; label: string }) {
  return (
    <pre className="code" tabIndex={0} role="region" aria-label={label}>
      {pretty(value)}
    </pre>
  )
}

export interface Tab {
  key: string
  label: string
  count?: number
}

/** Tabs follow the keyboard pattern of a tab list: arrows move, the panel follows. */
export function Tabs({ tabs, at, onChange, label }: { tabs: Tab[]; at: string; onChange: (key: string) => void; label: string }) {
  const move = (step: number) => {
    const i = tabs.findIndex((t) => t.key === at)
    const next = tabs[(i + step + tabs.length) % tabs.length]!
    onChange(next.key)
    document.getElementById(`tab-${next.key}`)?.focus()
  }
  return (
    <div className="tabs" role="tablist" aria-label={label}>
      {tabs.map((t) => (
        <button
          key={t.key}
          id={`tab-${t.key}`}
          type="button"
          role="tab"
          aria-selected={t.key === at}
          tabIndex={t.key === at ? 0 : -1}
          onClick={() => onChange(t.key)}
          onKeyDown={(e) => {
            if (e.key === 'ArrowRight') move(1)
            if (e.key === 'ArrowLeft') move(-1)
          }}
        >
          {t.label}
          {t.count !== undefined && t.count > 0 && <span className="count">{t.count}</span>}
        </button>
      ))}
    </div>
  )
}

export function Pager({ skip, size, total, onSkip, onSize }: { skip: number; size: number; total: number; onSkip: (n: number) => void; onSize: (n: number) => void }) {
  const last = Math.min(skip + size, total)
  return (
    <nav className="pager" aria-label="Pages">
      <label>
        Rows
        <select value={size} onChange={(e) => onSize(Number(e.target.value))}>
          {[10, 25, 50, 100].map((n) => (
            <option key={n}>{n}</option>
          ))}
        </select>
      </label>
      <span aria-live="polite">{total === 0 ? 'none' : `${skip + 1}–${last} of ${total.toLocaleString()}`}</span>
      <Button tone="plain" icon="left" aria-label="Previous page" disabled={skip === 0} onClick={() => onSkip(Math.max(0, skip - size))} />
      <Button tone="plain" icon="right" aria-label="Next page" disabled={last >= total} onClick={() => onSkip(skip + size)} />
    </nav>
  )
}
