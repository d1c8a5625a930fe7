import { QueryClient, QueryClientProvider, useQuery, useQueryClient } from '@tanstack/react-query'
import { lazy, Suspense, useEffect, useSyncExternalStore, type ReactNode } from 'react'
import { ApiError, onLoggedOut } from './api/client'
import { session, tasks } from './api/heddle'
import { Icon } from './parts/Icon'
import { meKey, useStored, useTitle } from './parts/hooks'
import { Button, Empty, Problem } from './parts/parts'
import { go, Link, to, usePlace } from './router'
import { Login } from './screens/login/Login'
import { Jobs } from './screens/jobs/Jobs'
import { Work } from './screens/work/Work'
import { Workflows } from './screens/workflows/Workflows'

const JobScreen = lazy(() => import('./screens/job/JobScreen'))
const WorkflowScreen = lazy(() => import('./screens/workflow/WorkflowScreen'))

const client = new QueryClient({
  defaultOptions: {
    queries: {
      retry: (count, error) => error instanceof ApiError && (error.status === 0 || error.status >= 500) && count < 2,
      staleTime: 1000,
      refetchOnWindowFocus: true,
    },
  },
})

export function App() {
  return (
    <QueryClientProvider client={client}>
      <Gate />
    </QueryClientProvider>
  )
}

/** forget drops all that was read for an account, and asks anew who is logged in. */
async function forget(queries: QueryClient): Promise<void> {
  queries.removeQueries({ predicate: (q) => q.queryKey[0] !== meKey[0] })
  await queries.resetQueries({ queryKey: meKey })
}

/** Gate shows the login until somebody is logged in, at whatever address. */
function Gate() {
  const queries = useQueryClient()
  const me = useQuery({ queryKey: meKey, queryFn: session.me, staleTime: 60_000 })
  useEffect(
    () =>
      onLoggedOut(() => {
        if (queries.getQueryData(meKey) != null) void forget(queries)
      }),
    [queries],
  )
  if (me.isPending) return <main className="loading" aria-busy="true" />
  if (me.error instanceof ApiError && me.error.status === 401) return <Login />
  if (!me.data)
    return (
      <main className="login">
        <Problem error={me.error} />
        <Button onClick={() => void me.refetch()}>Try again</Button>
      </main>
    )
  return <Shell username={me.data.username} mayWork={me.data.permissions.includes('tasks:work')} />
}

function Shell({ username, mayWork }: { username: string; mayWork: boolean }) {
  const { path } = usePlace()
  const queries = useQueryClient()
  const first = path[0] ?? 'jobs'
  useEffect(() => {
    if (path.length === 0) go(to.jobs, true)
  }, [path.length])
  const waiting = useQuery({
    queryKey: ['tasks', 'waiting-count'],
    queryFn: () => tasks.list({ 'equals[type]': 'manual', 'equals[status]': 'running', limit: 1, include: 'name' }),
    refetchInterval: 5000,
    enabled: mayWork,
  })
  const logout = async () => {
    await session.logout().catch(() => undefined)
    go(to.jobs, true)
    await forget(queries)
  }
  return (
    <div className="shell">
      <a className="skip" href="#content">
        Skip to content
      </a>
      <header className="top">
        <Link to={to.jobs} className="brand">
          <img src="/ui/mark.svg" alt="" width="26" height="26" /> Heddle
        </Link>
        <nav aria-label="Main">
          <Link to={to.jobs} aria-current={first === 'jobs' ? 'page' : undefined}>
            <Icon name="jobs" /> Jobs
          </Link>
          {mayWork && (
            <Link to={to.work()} aria-current={first === 'work' ? 'page' : undefined}>
              <Icon name="person" /> My work
              {(waiting.data?.total ?? 0) > 0 && (
                <span className="count">
                  {waiting.data!.total}
                  <span className="hidden"> waiting</span>
                </span>
              )}
            </Link>
          )}
          <Link to={to.workflows} aria-current={first === 'workflows' ? 'page' : undefined}>
            <Icon name="flow" /> Workflows
          </Link>
        </nav>
        <div className="who">
          <ThemeButton />
          <span>{username}</span>
          <Button tone="plain" icon="exit" aria-label="Log out" title="Log out" onClick={() => void logout()} />
        </div>
      </header>
      <main id="content" tabIndex={-1}>
        <Suspense fallback={<div className="loading" aria-busy="true" />}>{screen(path)}</Suspense>
      </main>
    </div>
  )
}

function screen(path: string[]): ReactNode {
  const [first = 'jobs', second] = path
  switch (first) {
    case 'jobs':
      return second ? <JobScreen key={second} id={second} /> : <Jobs />
    case 'work':
      return <Work run={second} />
    case 'workflows':
      return second ? <WorkflowScreen key={second} name={second} /> : <Workflows />
  }
  return <Nowhere />
}

function Nowhere() {
  useTitle('Not found')
  return (
    <Empty title="There is no page at this address">
      <p>
        <Link to={to.jobs}>Go to the jobs</Link>
      </p>
    </Empty>
  )
}

const darkSystem = window.matchMedia('(prefers-color-scheme: dark)')

function watchSystem(listener: () => void): () => void {
  darkSystem.addEventListener('change', listener)
  return () => darkSystem.removeEventListener('change', listener)
}

/** ThemeButton switches between dark and light; without a choice the system's setting holds. */
function ThemeButton() {
  const [theme, setTheme] = useStored<'' | 'dark' | 'light'>('theme', '')
  useEffect(() => {
    if (theme) document.documentElement.dataset.theme = theme
    else delete document.documentElement.dataset.theme
  }, [theme])
  const system = useSyncExternalStore(watchSystem, () => darkSystem.matches)
  const dark = theme ? theme === 'dark' : system
  const label = dark ? 'Use the light theme' : 'Use the dark theme'
  return <Button tone="plain" icon={dark ? 'sun' : 'moon'} aria-label={label} title={label} onClick={() => setTheme(dark ? 'light' : 'dark')} />
}
