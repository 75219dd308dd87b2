// external-dns for the story of who shares hosted zones with outboard: its own reading, planning and writing of Route 53 by
// its own flags, once. What it wants comes from a file and not from a cluster: its sources need clients of twenty clouds.
package main

import (
	"context"
	"encoding/json"
	"log"
	"os"

	"sigs.k8s.io/external-dns/endpoint"
	"sigs.k8s.io/external-dns/pkg/apis/externaldns"
	"sigs.k8s.io/external-dns/plan"
	"sigs.k8s.io/external-dns/provider"
	"sigs.k8s.io/external-dns/provider/aws"
	"sigs.k8s.io/external-dns/registry/txt"
)

func main() {
	ctx := context.Background()
	config := externaldns.NewConfig()
	must(config.ParseFlags(os.Args[2:]))
	file, err := os.ReadFile(os.Args[1])
	must(err)
	var wanted []*endpoint.Endpoint
	must(json.Unmarshal(file, &wanted))

	filter := endpoint.NewDomainFilter(config.DomainFilter)
	route53, err := aws.New(ctx, config, filter)
	must(err)
	registry, err := txt.New(config, route53)
	must(err)
	current, err := registry.Records(ctx)
	must(err)
	ctx = context.WithValue(ctx, provider.RecordsContextKey, current)
	wanted, err = registry.AdjustEndpoints(wanted)
	must(err)
	planned := (&plan.Plan{
		Policies:       []plan.Policy{plan.Policies[config.Policy]},
		Current:        current,
		Desired:        wanted,
		DomainFilter:   endpoint.MatchAllDomainFilters{filter, registry.GetDomainFilter()},
		ManagedRecords: config.ManagedDNSRecordTypes,
		OwnerID:        registry.OwnerID(),
	}).Calculate()
	if planned.Changes.HasChanges() {
		must(registry.ApplyChanges(ctx, planned.Changes))
	}
	must(json.NewEncoder(os.Stdout).Encode(planned.Changes))
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
