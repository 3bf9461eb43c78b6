/// The app of an Android package, as `X-Requested-With` of a web view names it.
pub(crate) fn app_name(package: &str) -> Option<&'static str> {
    APPS.iter()
        .find_map(|&(name, app)| (name == package).then_some(app))
}

const APPS: &[(&str, &str)] = &[
    ("com.discord", "Discord"),
    ("com.duckduckgo.mobile.android", "DuckDuckGo Mobile"),
    ("com.facebook.katana", "Facebook"),
    ("com.facebook.lite", "Facebook"),
    ("com.facebook.orca", "Facebook Messenger"),
    ("com.google.android.gm", "Gmail"),
    ("com.google.android.googlequicksearchbox", "Google"),
    ("com.instagram.android", "Instagram"),
    ("com.instagram.barcelona", "Threads"),
    ("com.kakao.talk", "KakaoTalk"),
    ("com.linkedin.android", "LinkedIn"),
    ("com.microsoft.teams", "Microsoft Teams"),
    ("com.opera.mini.native", "Opera Mini"),
    ("com.pinterest", "Pinterest"),
    ("com.reddit.frontpage", "Reddit"),
    ("com.Slack", "Slack"),
    ("com.snapchat.android", "Snapchat"),
    ("com.ss.android.ugc.trill", "TikTok"),
    ("com.tencent.mm", "WeChat"),
    ("com.tencent.mobileqq", "QQ"),
    ("com.twitter.android", "Twitter"),
    ("com.UCMobile.intl", "UC Browser"),
    ("com.viber.voip", "Viber"),
    ("com.whatsapp", "WhatsApp"),
    ("com.zhiliaoapp.musically", "TikTok"),
    ("jp.naver.line.android", "LINE"),
    ("org.telegram.messenger", "Telegram"),
];
