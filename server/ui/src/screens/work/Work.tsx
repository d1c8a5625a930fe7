import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { session, tasks } from '../../api/heddle'
import type { Account, TaskRun } from '../../api/types'
import { span } from '../../model/time'
import { meKey, useNow, useTitle } from '../../parts/hooks'
import { Empty, Pager, Problem, Tabs } from '../../parts/parts'
import { Name } from '../../parts/Name'
import { go, Link, to } from '../../router'
import { ManualTask } from './ManualTask'

/** Work is the list of manual tasks that wait, and one of them opened. */
export function Work({ run }: { run?: string }) {
  useTitle('My work')
  const me = useQuery({ queryKey: meKey, queryFn: session.me, staleTime: 60_000 })
  const [whose, setWhose] = useState('all')
  const [skip, setSkip] = useState(0)
  const [size, setSize] = useState(25)
  const now = useNow()
  const mine = me.data?._id ?? ''
  const list = useQuery({
    queryKey: ['tasks', 'waiting', whose, mine, skip, size],
    queryFn: () =>
      tasks.list({
        'equals[type]': 'manual',
        'equals[status]': 'running',
        'equals[metrics.owner]': whose === 'mine' ? mine : undefined,
        'exists[metrics.owner]': whose === 'free' ? false : undefined,
        sort: 'metrics.start_time',
        skip,
        limit: size,
        dereference: 'accounts.metrics.owner',
      }),
    refetchInterval: 2500,
  })
  const rows = list.data?.rows ?? []
  return (
    <div className="split-page">
      <div className="page-head">
        <h1>My work</h1>
      </div>
      <div className="split work">
        <section className="side list" aria-label="Waiting tasks">
          <Tabs
            label="Whose tasks"
            at={whose}
            onChange={(t) => (setWhose(t), setSkip(0))}
            tabs={[
              { key: 'all', label: 'All' },
              { key: 'mine', label: 'Claimed by me' },
              { key: 'free', label: 'Unclaimed' },
            ]}
          />
          <div className="panel" role="tabpanel" aria-labelledby={`tab-${whose}`}>
            <Problem error={list.error} />
            {list.data && rows.length === 0 && (
              <Empty title="Nothing waits for a person">
                <p>When a job reaches a manual task, it appears here until somebody claims and finishes it.</p>
              </Empty>
            )}
            <ul className="waiting">
              {rows.map((t) => (
                <li key={t._id}>
                  <Link to={to.work(t._id)} aria-current={t._id === run ? 'true' : undefined}>
                    <strong>{t.summary || t.name}</strong>
                    <span>
                      <Name of={t.job.name} />
                    </span>
                    <span className="quiet">
                      {t.metrics.start_time ? `waits for ${span(now - t.metrics.start_time)}` : ''}
                      {ownerOf(t) ? ` · ${ownerOf(t)!._id === mine ? 'yours' : `claimed by ${ownerOf(t)!.username}`}` : ' · unclaimed'}
                    </span>
                  </Link>
                </li>
              ))}
            </ul>
            {(list.data?.total ?? 0) > size && <Pager skip={skip} size={size} total={list.data!.total} onSkip={setSkip} onSize={setSize} />}
          </div>
        </section>
        <section className="desk" aria-label="The chosen task">
          {run ? (
            <ManualTask key={run} run={run} me={mine} onDone={() => go(to.work())} />
          ) : (
            <Empty title={rows.length > 0 ? 'Choose a task' : 'All done'}>
              <p>
                {rows.length > 0
                  ? 'Claiming a task tells the others that you are at it. Finishing it sends the job on by the way you choose.'
                  : 'Tasks that need a decision will be listed on the left.'}
              </p>
            </Empty>
          )}
        </section>
      </div>
    </div>
  )
}

/** ownerOf is the account that claimed a task. */
export function ownerOf(t: TaskRun): Account | null {
  return typeof t.metrics.owner === 'object' ? t.metrics.owner : null
}
