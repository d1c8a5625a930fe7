import { useQuery } from '@tanstack/react-query'
import { jobs } from '../../api/heddle'
import type { Job } from '../../api/types'
import { isFinal, jobLook } from '../../model/status'
import { span } from '../../model/time'
import { plainName } from '../../model/name'
import { treeOf } from '../../model/tree'
import { Badge, Notice, Problem } from '../../parts/parts'
import { Link, to } from '../../router'

const most = 500

/** Family is the tree of the job's parents and children. */
export function Family({ job, now }: { job: Job; now: number }) {
  const root = job.ancestors[0] ?? job._id
  const all = useQuery({
    queryKey: ['job', root, 'family'],
    queryFn: () => jobs.list({ 'equals[root]': root, limit: most, sort: 'metrics.start_time', include: 'name,status,metrics,parent,warnings,finishing,description' }),
    refetchInterval: isFinal(job) ? false : 2000,
  })
  const tree = treeOf(all.data?.rows ?? [])
  return (
    <>
      <Problem error={all.error} />
      {tree.length === 1 && <p className="quiet">This job stands alone. A task “childJob” starts other workflows; their jobs appear here, below this one.</p>}
      <ul className="tree">
        {tree.map(({ job: j, depth }) => (
          <li key={j._id} data-depth={Math.min(depth, 6)} aria-current={j._id === job._id ? 'true' : undefined}>
            <Badge look={jobLook(j)} />
            {j._id === job._id ? <strong>{plainName(j.name)}</strong> : <Link to={to.job(j._id)}>{plainName(j.name)}</Link>}
            {j.parent?.element != null && <span className="quiet">#{j.parent.element}</span>}
            <span className="quiet end">{span((j.metrics.end_time ?? now) - j.metrics.start_time)}</span>
          </li>
        ))}
      </ul>
      {(all.data?.total ?? 0) > most && <Notice tone="active">{`The first ${most} of ${all.data!.total} jobs are shown.`}</Notice>}
    </>
  )
}
