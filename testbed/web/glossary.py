"""The one Korean–English glossary: the same word for the same thing on every page."""

from typing import NamedTuple

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe


class Term(NamedTuple):
    """A word in both languages, what it means, and the standard that defines it, if one does."""

    english: str
    korean: str
    meaning_en: str
    meaning_ko: str
    standard: str = ""


PEOPLE_AND_TIME = (
    Term(
        "booking",
        "예약",
        "A company's claim on a tool or cell for a time.",
        "회사가 장비나 셀을 정한 시간 동안 쓰겠다고 잡은 것.",
    ),
    Term(
        "hold",
        "임시 점유",
        "A slot kept for a few minutes while the form is filled in.",
        "신청서를 쓰는 몇 분 동안 잡아 두는 시간.",
    ),
    Term(
        "slot",
        "빈 시간",
        "A stretch of time in which a tool can be booked.",
        "장비를 예약할 수 있는 시간 구간.",
    ),
    Term(
        "approval",
        "승인",
        "A person of the facility says yes to a booking or a recipe.",
        "시설 담당자가 예약이나 레시피를 허락하는 것.",
    ),
    Term(
        "re-confirmation",
        "재확인",
        "Saying again, some time before the start, that one comes; else the time is released.",
        "시작 전 정해진 기간에 오겠다고 다시 확인하는 것. 하지 않으면 시간이 해제됨.",
    ),
    Term(
        "no-show",
        "미방문",
        "Nobody came within the minutes that the rules allow; the rest of the time is released.",
        "규정한 시간 안에 아무도 오지 않은 것. 남은 시간이 해제됨.",
    ),
    Term(
        "late cancellation",
        "늦은 취소",
        "Giving a booking back when that has its price: a fee, or time that counts as used.",
        "비용이나 사용한 것으로 남는 시간이 생기는 때에 예약을 취소하는 것.",
    ),
    Term(
        "requested test",
        "의뢰 시험",
        "The facility runs the test and may issue a test report.",
        "시설이 시험을 수행하며 시험성적서를 낼 수 있음.",
    ),
    Term(
        "self-operated",
        "직접 사용",
        "The company's own people work; no test report is issued.",
        "회사 직원이 직접 사용하며 시험성적서는 나오지 않음.",
    ),
    Term(
        "quote",
        "견적",
        "The price shown before booking, in won with VAT apart.",
        "예약 전에 보여 주는 금액. 원 단위, 부가세 별도 표시.",
    ),
    Term(
        "litho cell",
        "노광 셀",
        "Track and scanner, booked and run together.",
        "함께 예약하고 함께 돌리는 트랙과 스캐너.",
    ),
)
MATERIAL = (
    Term(
        "wafer",
        "웨이퍼",
        "A silicon disc of 300 mm diameter, known by its scribed ID.",
        "지름 300 mm 실리콘 원판. 새겨진 ID로 구별함.",
        "SEMI M1, M12, M13",
    ),
    Term(
        "lot", "로트", "Up to 25 wafers that travel together.", "함께 움직이는 최대 25장의 웨이퍼."
    ),
    Term(
        "carrier (FOUP)",
        "캐리어 (FOUP)",
        "The box with 25 slots; slot 1 is at the bottom.",
        "25개 슬롯이 있는 상자. 1번 슬롯이 맨 아래.",
        "SEMI E47.1",
    ),
    Term(
        "contamination class",
        "오염 등급",
        "A wafer may move to an equal or dirtier tool, never back.",
        "웨이퍼는 같거나 더 더러운 등급의 장비로만 옮길 수 있음.",
    ),
    Term(
        "notch",
        "노치",
        "The small cut in the wafer's edge that shows its direction.",
        "웨이퍼 방향을 알려 주는 가장자리의 작은 홈.",
        "SEMI M1",
    ),
    Term(
        "edge exclusion",
        "가장자리 제외",
        "The outermost millimetres that are not judged.",
        "판정하지 않는 바깥쪽 몇 mm.",
    ),
)
PROCESS = (
    Term(
        "recipe",
        "레시피",
        "What a tool is asked to do; each version is signed and hashed.",
        "장비에 시키는 일. 판마다 서명과 해시가 있음.",
    ),
    Term("route", "공정 경로", "Operations in order.", "순서대로 늘어놓은 공정."),
    Term(
        "operation", "공정", "One recipe on one kind of tool.", "한 종류의 장비에서 하는 한 레시피."
    ),
    Term(
        "run",
        "작업",
        "One operation carried out on a lot's wafers: the document of what was done.",
        "로트의 웨이퍼에 한 공정을 수행한 기록.",
    ),
    Term(
        "traveler", "작업 전표", "A lot's way through a route.", "로트가 공정 경로를 지나는 기록."
    ),
    Term(
        "held run",
        "멈춰 둔 작업",
        "Its outcome is not certain; a person must look and decide.",
        "결과를 확신할 수 없어 사람이 보고 정해야 하는 작업.",
    ),
    Term(
        "abort",
        "중단",
        "Stop at once, leaving the wafer where it is.",
        "바로 멈춤. 웨이퍼는 있는 자리에 남음.",
    ),
    Term(
        "interlock",
        "인터록",
        "A condition that must hold before a tool starts.",
        "장비가 시작하기 전에 갖춰야 하는 조건.",
    ),
    Term("coat", "도포", "Resist spread on a turning wafer.", "도는 웨이퍼에 감광액을 바름."),
    Term("develop", "현상", "The exposed resist is dissolved.", "노광된 감광막을 녹여 냄."),
    Term("resist", "감광액 (레지스트)", "The light-sensitive film.", "빛에 반응하는 막."),
)
LITHOGRAPHY = (
    Term(
        "exposure",
        "노광",
        "The pattern is printed by light, field by field.",
        "빛으로 필드마다 무늬를 찍음.",
    ),
    Term(
        "dose",
        "노광량",
        "Light energy on the wafer per area, in mJ/cm².",
        "웨이퍼 면적당 빛 에너지, mJ/cm².",
    ),
    Term(
        "focus",
        "초점",
        "Distance of the wafer from the image plane, in nm.",
        "상면과 웨이퍼 사이 거리, nm.",
    ),
    Term(
        "field", "필드 (샷)", "One exposure, at most 26 × 33 mm.", "한 번의 노광, 최대 26 × 33 mm."
    ),
    Term(
        "focus–exposure matrix (FEM)",
        "초점–노광량 매트릭스 (FEM)",
        "A wafer whose fields differ in dose and focus, to find the best of both.",
        "필드마다 노광량과 초점을 바꿔 가장 좋은 값을 찾는 웨이퍼.",
    ),
    Term(
        "Bossung curves",
        "보썽 곡선",
        "CD against focus, one curve a dose.",
        "노광량마다 초점에 따른 CD를 그린 곡선.",
        "Bossung 1977",
    ),
    Term(
        "process window",
        "공정 창",
        "The doses and foci at which CD stays in specification.",
        "CD가 규격 안에 머무는 노광량과 초점의 범위.",
    ),
    Term(
        "exposure latitude (EL)",
        "노광 여유도 (EL)",
        "Width of the window in dose, in per cent of the best dose.",
        "노광량 방향의 창 너비, 최적 노광량의 %.",
    ),
    Term(
        "depth of focus (DOF)",
        "초점 심도 (DOF)",
        "Width of the window in focus, in nm.",
        "초점 방향의 창 너비, nm.",
    ),
    Term(
        "overlay",
        "오버레이",
        "How far a layer lies from the one below, in nm.",
        "아래층과 어긋난 거리, nm.",
    ),
    Term("reticle", "레티클", "The plate that carries the pattern.", "무늬를 담은 판."),
)
MEASUREMENT = (
    Term(
        "critical dimension (CD)",
        "선폭 (CD)",
        "The width of the line that matters, in nm.",
        "중요한 선의 너비, nm.",
    ),
    Term(
        "CD-SEM",
        "CD-SEM (선폭 전자현미경)",
        "A scanning electron microscope that measures CD.",
        "선폭을 재는 주사 전자현미경.",
    ),
    Term(
        "specification",
        "규격",
        "Target and limits that a value must keep.",
        "값이 지켜야 할 목표와 한계.",
    ),
    Term(
        "3σ",
        "3σ",
        "Three standard deviations of the values on a wafer.",
        "한 웨이퍼 값들의 표준편차 세 배.",
    ),
    Term(
        "wafer map",
        "웨이퍼 맵",
        "Values drawn where they were measured.",
        "잰 자리에 값을 그린 그림.",
    ),
    Term(
        "trace",
        "트레이스",
        "A tool's sensor over time, during a run.",
        "작업 중 장비 센서의 시간 기록.",
    ),
    Term(
        "confidence interval",
        "신뢰 구간",
        "The range that holds the true value, 95 times in 100.",
        "100번에 95번 참값을 담는 범위.",
    ),
    Term(
        "test report",
        "시험성적서",
        "Issued only for a requested test.",
        "의뢰 시험에만 발급.",
        "ISO/IEC 17025",
    ),
)
TOOL_STATES = (
    Term(
        "productive",
        "생산",
        "The tool does the work it is there for.",
        "장비가 본래 일을 함.",
        "SEMI E10",
    ),
    Term(
        "standby",
        "대기",
        "The tool could work, and nobody asks it to.",
        "일할 수 있으나 시키는 사람이 없음.",
        "SEMI E10",
    ),
    Term(
        "engineering",
        "엔지니어링",
        "Trials of the process or of the tool.",
        "공정이나 장비의 시험.",
        "SEMI E10",
    ),
    Term(
        "scheduled down",
        "계획 정지",
        "Down as planned: maintenance, set-up.",
        "계획된 정지: 정비, 셋업.",
        "SEMI E10",
    ),
    Term(
        "unscheduled down",
        "비계획 정지",
        "Down without a plan: a fault, an emergency stop.",
        "계획에 없던 정지: 고장, 비상 정지.",
        "SEMI E10",
    ),
    Term(
        "non-scheduled",
        "비가동",
        "Outside the hours in which the tool is to work.",
        "가동 시간 밖.",
        "SEMI E10",
    ),
    Term(
        "emergency stop",
        "비상 정지",
        "A flag read before each command; then no command reaches the tool.",
        "명령마다 먼저 읽는 깃발. 서면 어떤 명령도 장비로 가지 않음.",
    ),
    Term(
        "overall equipment efficiency (OEE)",
        "설비 종합 효율 (OEE)",
        "Availability × performance × quality.",
        "가동률 × 성능 × 양품률.",
        "SEMI E79",
    ),
    Term(
        "simulated data",
        "모의 데이터",
        "Made by a simulated tool; no real wafer was touched.",
        "모의 장비가 만든 값. 실제 웨이퍼는 없음.",
    ),
)

CHAPTERS = (
    (_("Booking and money"), PEOPLE_AND_TIME),
    (_("Wafers and carriers"), MATERIAL),
    (_("Recipes and runs"), PROCESS),
    (_("Lithography"), LITHOGRAPHY),
    (_("Measurement"), MEASUREMENT),
    (_("Tool states"), TOOL_STATES),
)


def _matches(term: Term, wanted: str) -> bool:
    return wanted.casefold() in " ".join(term).casefold()


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """`/glossary/?q=`: every term, or those in which `q` occurs, in either language."""
    wanted = request.GET.get("q", "").strip()[:60]
    is_korean = get_language() == "ko"
    chapters = [
        (
            title,
            [
                (term, term.meaning_ko if is_korean else term.meaning_en)
                for term in terms
                if _matches(term, wanted)
            ],
        )
        for title, terms in CHAPTERS
    ]
    found = [chapter for chapter in chapters if chapter[1]]
    return render(request, "web/glossary.html", {"chapters": found, "wanted": wanted})
