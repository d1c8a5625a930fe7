package audit_test

import (
	"context"
	"fmt"

	"github.com/heddlehq/heddle/engine/store/memstore"
	"github.com/heddlehq/heddle/server/audit"
)

func Example() {
	ctx := context.Background()
	s, err := memstore.New(memstore.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	log := audit.New(audit.Options{Store: s})
	for _, e := range []audit.Entry{
		{Who: audit.Who{Name: "ann"}, From: "192.0.2.7", Action: "login", Outcome: "denied", Reason: "wrong password"},
		{Who: audit.Who{ID: "65f0", Name: "ann"}, From: "192.0.2.7", Action: "POST /operations-manager/jobs/start", Target: audit.Target{Kind: "job", ID: "4c1d"}, Outcome: "200"},
	} {
		if err := log.Record(ctx, e); err != nil {
			fmt.Println(err)
		}
	}

	head, _ := log.Head(ctx) // to be noted elsewhere
	report, _ := log.Verify(ctx, head)
	fmt.Println(report.Links, report.Broken)

	page, _ := log.Find(ctx, audit.Query{Target: "job/*"})
	for _, link := range page.Links {
		fmt.Println(link.Seq, link.Who.Name, link.Action, link.Target, link.Outcome)
	}
	// Output:
	// 2 <nil>
	// 2 ann POST /operations-manager/jobs/start job/4c1d 200
}
