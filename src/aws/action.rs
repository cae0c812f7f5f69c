//! The actions of IAM, by which AWS's calls and a registry's requests are allowed or denied.

use std::fmt;

/// What was asked of AWS or of a registry, named as the IAM action that it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// `ecr:GetAuthorizationToken`
    GetAuthorizationToken,
    /// `ecr:DescribeRepositories`
    DescribeRepositories,
    /// `ecr:DescribeImageScanFindings`
    DescribeImageScanFindings,
    /// `ecr:StartImageScan`
    StartImageScan,
    /// `ecr:GetRegistryScanningConfiguration`
    GetRegistryScanningConfiguration,
    /// `ecr:BatchGetRepositoryScanningConfiguration`
    BatchGetRepositoryScanningConfiguration,
    /// `inspector2:ListCoverage`
    ListCoverage,
    /// `inspector2:ListFindings`
    ListFindings,
    /// `ecr:BatchGetImage`
    BatchGetImage,
    /// `ecr:GetDownloadUrlForLayer`
    GetDownloadUrlForLayer,
    /// `ecr:BatchCheckLayerAvailability`
    BatchCheckLayerAvailability,
    /// `ecr:InitiateLayerUpload`
    InitiateLayerUpload,
    /// `ecr:UploadLayerPart`
    UploadLayerPart,
    /// `ecr:CompleteLayerUpload`
    CompleteLayerUpload,
    /// `ecr:PutImage`
    PutImage,
    /// `ecr:DescribeImages`
    DescribeImages,
    /// `ecr:CreateRepository`
    CreateRepository,
    /// `ecr:PutImageTagMutability`
    PutImageTagMutability,
    /// `ecr:PutImageScanningConfiguration`
    PutImageScanningConfiguration,
    /// `ecr:GetLifecyclePolicy`
    GetLifecyclePolicy,
    /// `ecr:PutLifecyclePolicy`
    PutLifecyclePolicy,
    /// `ecr:GetRepositoryPolicy`
    GetRepositoryPolicy,
    /// `ecr:SetRepositoryPolicy`
    SetRepositoryPolicy,
    /// `ecr:ListTagsForResource`
    ListTagsForResource,
    /// `ecr:TagResource`
    TagResource,
    /// `ecr:DescribeRepositoryCreationTemplates`
    DescribeRepositoryCreationTemplates,
    /// `sts:AssumeRole`
    AssumeRole,
    /// `sts:AssumeRoleWithWebIdentity`
    AssumeRoleWithWebIdentity,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let service = match self {
            Self::AssumeRole | Self::AssumeRoleWithWebIdentity => "sts",
            Self::ListCoverage | Self::ListFindings => "inspector2",
            _ => "ecr",
        };
        write!(f, "{service}:{self:?}")
    }
}

impl Action {
    /// The API that it is a call of.
    #[must_use]
    pub fn service(self) -> &'static str {
        match self {
            Self::AssumeRole | Self::AssumeRoleWithWebIdentity => "STS",
            // ECR asks Inspector with the caller's own permissions.
            _ => "ECR",
        }
    }
}
