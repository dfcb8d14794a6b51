package main

import (
	"fmt"
	"slices"

	"istio.io/istio/pilot/pkg/features"
	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/pkg/serviceregistry/ambient"
	"istio.io/istio/pkg/activenotifier"
	"istio.io/istio/pkg/config/mesh/meshwatcher"
	istiokube "istio.io/istio/pkg/kube"
	"istio.io/istio/pkg/kube/krt"
	"istio.io/istio/pkg/kube/multicluster"
	"istio.io/istio/pkg/test"
	"istio.io/istio/pkg/util/sets"
	"istio.io/istio/pkg/workloadapi/security"

	meshconfig "istio.io/api/mesh/v1alpha1"
)

// startAmbient gives istiod the index that ztunnel is served from. It must be called before the
// informers of the client start.
func startAmbient(
	t test.Failer, env *model.Environment, client istiokube.Client, c *caseFile, m *meshconfig.MeshConfig, updater model.XDSUpdater,
) (func(stop <-chan struct{}) func() bool, error) {
	if !features.EnableAmbient {
		return nil, fmt.Errorf("an ambient mesh: start the oracle with PILOT_ENABLE_AMBIENT=true")
	}
	watcher := meshwatcher.NewTestWatcher(m)
	clusters := multicluster.NewController(multicluster.ControllerOptions{
		Client:          client,
		ClusterID:       clusterID,
		SystemNamespace: m.RootNamespace,
		MeshConfig:      watcher,
		Debugger:        new(krt.DebugHandler),
	})
	index := ambient.New(ambient.Options{
		Revision:               c.Mesh.Revision,
		SystemNamespace:        m.RootNamespace,
		DomainSuffix:           c.Mesh.ClusterDomain,
		ClusterID:              clusterID,
		XDSUpdater:             updater,
		MeshConfig:             watcher,
		StatusNotifier:         activenotifier.New(false),
		Debugger:               new(krt.DebugHandler),
		MultiClusterController: clusters,
		Flags: ambient.FeatureFlags{
			DefaultAllowFromWaypoint:              features.DefaultAllowFromWaypoint,
			EnableK8SServiceSelectWorkloadEntries: features.EnableK8SServiceSelectWorkloadEntries,
		},
	})
	env.AmbientIndexes = index
	return func(stop <-chan struct{}) func() bool {
		if err := clusters.Run(stop); err != nil {
			t.Fatal(err)
		}
		go index.Run(stop)
		return index.HasSynced
	}, nil
}

// ztunnelModes is what a workload's ztunnel demands of bytes that come outside of HBONE: STRICT where
// a policy that the index attaches denies them, else PERMISSIVE.
func (d *istiod) ztunnelMode(w *workload, port uint32) string {
	infos, _ := d.Env().AmbientIndexes.AddressInformation(sets.New("/" + w.IP))
	for _, info := range model.ExtractWorkloadsFromAddresses(infos) {
		for _, name := range info.Workload.AuthorizationPolicies {
			if policy := d.ztunnelPolicy(name); policy != nil && denies(policy, port) {
				return "STRICT"
			}
		}
	}
	return "PERMISSIVE"
}

func (d *istiod) ztunnelPolicy(name string) *security.Authorization {
	for _, policy := range d.Env().AmbientIndexes.Policies(sets.New[model.ConfigKey]()) {
		if a := policy.Authorization; a.GetNamespace()+"/"+a.GetName() == name {
			return a
		}
	}
	return nil
}

// denies is ztunnel's rule for a connection without identity: one group, all its rules.
func denies(policy *security.Authorization, port uint32) bool {
	if policy.GetAction() != security.Action_DENY {
		return false
	}
	return slices.ContainsFunc(policy.GetGroups(), func(group *security.Group) bool {
		return !slices.ContainsFunc(group.GetRules(), func(rules *security.Rules) bool {
			return !slices.ContainsFunc(rules.GetMatches(), func(match *security.Match) bool {
				return matchesPlaintext(match, port)
			})
		})
	})
}

// matchesPlaintext tells whether a connection without identity meets every condition that converted
// PeerAuthentications use: absent principals, and ports.
func matchesPlaintext(match *security.Match, port uint32) bool {
	if len(match.GetPrincipals()) > 0 {
		return false
	}
	if ports := match.GetDestinationPorts(); len(ports) > 0 && !slices.Contains(ports, port) {
		return false
	}
	return !slices.Contains(match.GetNotDestinationPorts(), port)
}
