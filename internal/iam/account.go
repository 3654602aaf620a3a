package iam

import (
	"context"

	"github.com/heliograph/heliograph/internal/iam/policy"
	"github.com/heliograph/heliograph/internal/store"
)

// AccountSummary counts what the account has, and names its quotas, under the
// names of IAM's GetAccountSummary.
func (s *Service) AccountSummary(ctx context.Context) (map[string]int, error) {
	if err := s.Authorize(ctx, "iam:GetAccountSummary", "*"); err != nil {
		return nil, err
	}
	summary := map[string]int{
		"UsersQuota": MaxUsers, "GroupsQuota": MaxGroups, "RolesQuota": MaxRoles, "PoliciesQuota": MaxPolicies,
		"VersionsPerPolicyQuota": MaxPolicyVersions, "GroupsPerUserQuota": MaxGroupsOfUser, "AccessKeysPerUserQuota": maxKeysPerUser,
		"AttachedPoliciesPerUserQuota": MaxAttachedPolicies, "AttachedPoliciesPerGroupQuota": MaxAttachedPolicies, "AttachedPoliciesPerRoleQuota": MaxAttachedPolicies,
		"UserPolicySizeQuota": maxInlineSizes[UserEntity], "GroupPolicySizeQuota": maxInlineSizes[GroupEntity], "RolePolicySizeQuota": maxInlineSizes[RoleEntity],
		"AssumeRolePolicySizeQuota": policy.MaxTrust, "PolicySizeQuota": policy.MaxManaged, "AccountAccessKeysPresent": 1,
	}
	if s.dir == nil {
		return summary, nil
	}
	for name, count := range map[string]func(context.Context, store.Query) (int, error){
		"Users": s.dir.users.records.Count, "Groups": s.dir.groups.records.Count, "Roles": s.dir.roles.records.Count, "Policies": s.dir.policies.Count,
	} {
		n, err := count(ctx, store.Query{})
		if err != nil {
			return nil, err
		}
		summary[name] = n
	}
	return summary, nil
}
